"""Prompts in, tokens out: sampling, batched decoding against a KV cache, and loading a run for it."""
