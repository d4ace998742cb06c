"""Tiny models and tokenizers as others save them, for the tests of import."""

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXTS = ["the oak and the ash, 1234 of them\n" * 9, "def f(x):\n    return {'a': x}\n" * 9, "naïve 北京 ünï\t \r\n" * 9]
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SHAPE = {"vocab_size": 320, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 96, "max_position_embeddings": 128}  # fmt: skip


def train(pre=None, size: int = 300, specials=SPECIALS, **model) -> Tokenizer:
    """A byte-level BPE of the library's own making."""
    library = Tokenizer(models.BPE(**model))
    library.pre_tokenizer = pre or pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), initial_alphabet=alphabet,
                                   show_progress=False),
    )  # fmt: skip
    return library


def save_tokenizer(folder: Path, library: Tokenizer, template: str | None = CHATML) -> None:
    library.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>",
                "eos_token": {"content": "<|im_end|>"}, "chat_template": template}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2]}))


def hf_models() -> dict:
    """name -> () -> a random transformers model"""
    import transformers as t

    rope = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}  # fmt: skip
    gpt2 = {"vocab_size": 320, "n_positions": 128, "n_embd": 64, "n_layer": 2, "n_head": 4,
            "bos_token_id": 0, "eos_token_id": 0}  # fmt: skip
    return {
        "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**SHAPE, num_key_value_heads=2)),
        "tied": lambda: t.LlamaForCausalLM(t.LlamaConfig(**SHAPE, num_key_value_heads=1, tie_word_embeddings=True)),
        "llama3": lambda: t.LlamaForCausalLM(t.LlamaConfig(**SHAPE, rope_parameters=rope)),
        "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**SHAPE, num_key_value_heads=2)),
        "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=32)),
        "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(**gpt2)),
    }


def scramble(model, seed: int = 0):
    """Random weights everywhere, norms and biases too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim < 2:
                p.add_(torch.empty_like(p).uniform_(-0.4, 0.4, generator=generator))
            else:
                p.normal_(0, p.shape[-1] ** -0.5, generator=generator)
    return model.eval()


def hf_folder(folder: Path, name: str = "llama", library: Tokenizer | None = None, **save):
    """Write a tiny model and tokenizer to `folder` -> the transformers model."""
    model = scramble(hf_models()[name]())
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, **save)
    save_tokenizer(folder, library or train())
    return model


GGUF_SHAPE = {"block_count": 2, "context_length": 128, "embedding_length": 64, "feed_forward_length": 96,
              "attention.head_count": 4, "attention.head_count_kv": 2}  # fmt: skip


def gguf_tensors(seed: int = 0, vocab: int = 300) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"token_embd": (vocab, 64), "output": (vocab, 64)}
    for i in range(2):
        shapes |= {f"blk.{i}.{name}": shape for name, shape in {
            "attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64), "ffn_gate": (96, 64),
            "ffn_up": (96, 64), "ffn_down": (64, 96)}.items()}  # fmt: skip
    tensors = {f"{name}.weight": rng.standard_normal(shape, dtype=np.float32) / 8 for name, shape in shapes.items()}
    norms = ["output_norm", *(f"blk.{i}.{name}" for i in range(2) for name in ("attn_norm", "ffn_norm"))]
    return tensors | {f"{name}.weight": rng.uniform(0.5, 1.5, 64).astype(np.float32) for name in norms}


def gguf_file(path: Path, types: dict[str, str] | str = "F32", tensors=None, library=None, pre: str = "gpt-2", **more):
    """A small Llama. types: of the matrices, all or by name. more: metadata in place of the usual."""
    import gguf

    library = library or train()
    vocab = library.get_vocab()
    tokens = sorted(vocab, key=vocab.get)
    model = json.loads(library.to_str())["model"]
    writer = gguf.GGUFWriter(str(path), more.get("architecture", "llama"))
    for key, value in GGUF_SHAPE.items():
        writer.add_uint32(f"llama.{key}", more.get(key, value))
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_tokenizer_model(more.get("model", "gpt2"))
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHATML)
    for name, values in (gguf_tensors(vocab=len(tokens)) if tensors is None else tensors).items():
        kind = types if isinstance(types, str) else types.get(name, "F32")
        if values.ndim < 2 or kind == "F32":
            writer.add_tensor(name, values)
        else:
            kind = gguf.GGMLQuantizationType[kind]
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
