"""The report page: what was found, figures that each have their table, and one HTML file that shows both."""
