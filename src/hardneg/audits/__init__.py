"""How many answers a way of mining hands out as negatives."""
