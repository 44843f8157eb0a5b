"""A page on which people judge whether mined negatives are answers after all."""
