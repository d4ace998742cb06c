"""
A model of ours as one GGUF file, which llama.cpp and Ollama load. The `gguf` package writes the bytes; what the keys
mean: github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch

from acorn.checkpoint import fsync
from acorn.errors import StorageError, UserError, missing_extra
from acorn.export.names import XIELU
from acorn.export.stock import Stock
from acorn.export.tokens import gguf_vocabulary, speech_of, stop_ids
from acorn.model.layers import rope_frequencies
from acorn.model.llama import stretched

TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "BF16": 32}  # name -> general.file_type


def export_gguf(
    stock: Stock, tokenizer, name: str, out: Path, type_name: str, say: Callable[[str], None], force: bool = False
) -> None:
    """Write the file `out`: whole or not at all. say: is told which tensors are kept in another type."""
    gguf = gguf_package()
    check_place(out, force)
    beside = out.with_name(f".{out.name}.tmp-{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(beside, stock.architecture)
        add_shape(writer, stock, name, TYPES[type_name], gguf)
        add_vocabulary(writer, stock, tokenizer)
        for tensor_name, tensor in gguf_tensors(stock).items():
            kind = gguf.GGMLQuantizationType[type_of(tensor_name, tensor, type_name, say)]
            writer.add_tensor(tensor_name, gguf.quants.quantize(tensor.contiguous().numpy(), kind), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        fsync(beside)
        os.replace(beside, out)
        fsync(out.parent)
    except OSError as e:
        raise StorageError(
            f"cannot write {out}: {e.strerror or e}", "free some space, then run the same command"
        ) from e
    finally:
        beside.unlink(missing_ok=True)


def check_place(out: Path, force: bool) -> None:
    """UserError if something is there that must not be replaced, or it is no name for such a file."""
    if out.suffix != ".gguf":
        raise UserError(f"{out} does not end in .gguf, by which llama.cpp's tools know such files", f"{out}.gguf")
    if out.is_dir() or (out.exists() and not force):
        raise UserError(f"{out} exists already", "choose another name" if out.is_dir() else "--force replaces it")


def gguf_package():
    try:
        import gguf
    except ImportError:
        raise missing_extra("gguf", "export") from None
    return gguf


def gguf_tensors(stock: Stock) -> dict[str, torch.Tensor]:
    """GGUF's names -> tensors, float32."""
    tensors = stock.theirs("gguf")
    if stock.config.get("rope_parameters", {}).get("rope_type") == "llama3":
        tensors["rope_freqs.weight"] = rope_factors(stock)
    return tensors


def rope_factors(stock: Stock) -> torch.Tensor:
    """(D/2,): what llama.cpp divides the rotary frequencies by."""
    if stock.architecture != "llama":
        only = "llama.cpp reads Llama 3's stretched rotary frequencies (rope_scaling llama3) for llama only"
        raise UserError(f"{only}, this model is {stock.architecture}", "acorn export hf")
    plain = rope_frequencies(stock.shape.head_dim, stock.shape.rope_base)
    return plain / stretched(stock.shape, plain)


def type_of(name: str, tensor: torch.Tensor, wanted: str, say: Callable[[str], None]) -> str:
    """Vectors and learned positions are float32 always: they are few, and llama.cpp adds them in float32."""
    if tensor.ndim < 2 or wanted == "F32" or name == "position_embd.weight":
        return "F32"
    if wanted in ("Q8_0", "Q4_0"):
        if tensor.shape[-1] % 32:
            say(f"{name} stays F32: its rows of {tensor.shape[-1]} are no multiple of {wanted}'s blocks of 32")
            return "F32"
        if name in ("token_embd.weight", "output.weight"):
            return "Q8_0"  # every token passes through them, and 4 bits cost most there; llama-quantize does alike
    return wanted


def add_shape(writer, stock: Stock, name: str, file_type: int, gguf) -> None:
    c, config = stock.shape, stock.config
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(c.block_size)
    writer.add_embedding_length(c.n_embd)
    writer.add_block_count(c.n_layer)
    writer.add_feed_forward_length(config.get("intermediate_size") or config["n_inner"])
    writer.add_head_count(c.n_head)
    writer.add_vocab_size(c.vocab_size)
    if stock.architecture == "gpt2":
        writer.add_layer_norm_eps(c.norm_eps)
        return
    writer.add_head_count_kv(c.n_kv_head)
    writer.add_key_length(c.head_dim)
    writer.add_value_length(c.head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(c.head_dim)
    writer.add_rope_freq_base(c.rope_base)
    rope = config["rope_parameters"]
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if stock.architecture == "apertus":
        for key, value in XIELU.items():
            getattr(writer, f"add_xielu_{key}")([value] * c.n_layer)


def add_vocabulary(writer, stock: Stock, tokenizer) -> None:
    vocabulary, speech = gguf_vocabulary(tokenizer, stock.shape.vocab_size), speech_of(tokenizer)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.kinds)
    writer.add_token_merges(vocabulary.merges)
    if stops := stop_ids(tokenizer):
        writer.add_eos_token_id(stops[0])
        writer.add_pad_token_id(stops[0])
    if len(stops) > 1:  # llama.cpp ends a reply at eos, eot and eom
        writer.add_eot_token_id(stops[0])
        writer.add_eom_token_id(stops[1])
    writer.add_bos_token_id(tokenizer.bos)
    writer.add_add_bos_token(tokenizer.adds_bos)
    if speech.template:
        writer.add_chat_template(speech.template)


def modelfile(tokenizer, gguf_name: str, block_size: int) -> str:
    """Ollama's recipe for the file beside it: ollama create NAME -f FILE"""
    speech, quotes = speech_of(tokenizer), '"""'
    lines = [f"FROM ./{gguf_name}"]
    if speech.ollama:
        lines.append(f"TEMPLATE {quotes}{speech.ollama}{quotes}")
    lines += [f'PARAMETER stop "{name}"' for name in speech.stops]
    lines += [f"PARAMETER num_ctx {block_size}", "PARAMETER temperature 0.6", "PARAMETER top_k 50"]
    return "\n".join(lines) + "\n"
