"""acorn: grow a GPT from raw text to a model you talk to."""

__version__ = "0.1.0"
