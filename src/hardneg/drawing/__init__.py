"""Drawing: figures as SVG, by four renderers, each figure with the table behind it and a sentence that says it."""
