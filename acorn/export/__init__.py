"""Models in and out: Hugging Face folders and GGUF files, both ways. Names and layouts of tensors: names.py."""
