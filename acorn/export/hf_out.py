"""A model of ours as a folder that transformers, vLLM and mlx-lm load with their own classes, no code of ours in it."""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from acorn.checkpoint import fsync
from acorn.errors import StorageError, UserError
from acorn.export.stock import Stock
from acorn.export.tokens import hf_files, stop_ids

DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32, "f16": torch.float16}


def export_hf(stock: Stock, tokenizer, card: str, out: Path, dtype: str = "bf16", force: bool = False) -> None:
    """Write the folder `out`: whole or not at all. force: put it in the place of an earlier export."""
    check_place(out, force)
    beside = out.with_name(f".{out.name}.tmp-{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        save_file(in_dtype(stock, dtype), beside / "model.safetensors", metadata={"format": "pt"})
        files = {
            **hf_files(tokenizer, stock.architecture, stock.shape.block_size),
            "config.json": hf_config(stock, tokenizer, dtype),
            "generation_config.json": generation_config(tokenizer),
        }
        for name, content in files.items():
            text = json.dumps(content, ensure_ascii=False, indent=1 if name == "tokenizer.json" else 2)
            (beside / name).write_text(text + "\n", encoding="utf-8")
        (beside / "README.md").write_text(card, encoding="utf-8")
        for path in beside.iterdir():
            path.chmod(0o644)  # safetensors makes its files for nobody else
            fsync(path)
        if out.exists():
            old = out.with_name(f".{out.name}.old-{os.getpid()}")
            out.rename(old)
            beside.rename(out)
            shutil.rmtree(old)
        else:
            beside.rename(out)
        fsync(out.parent)
    except (OSError, SafetensorError) as e:
        why = getattr(e, "strerror", None) or e
        raise StorageError(f"cannot write {out}: {why}", "free some space, then run the same command") from e
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_place(out: Path, force: bool) -> None:
    """UserError if something is there that must not be replaced."""
    if not out.exists():
        return
    found = sorted(p.name for p in out.iterdir()) if out.is_dir() else None
    if found == []:
        return
    if found is None or not {"config.json", "model.safetensors"} <= set(found):
        raise UserError(f"{out} exists and is no exported model; it is left alone", "choose another folder")
    if not force:
        raise UserError(f"{out} holds a model already", "--force replaces it")


def in_dtype(stock: Stock, dtype: str) -> dict[str, torch.Tensor]:
    """
    Hugging Face's names -> tensors as the file holds them. xIELU's numbers stay float32: softplus of alpha_p is to be
    1, and in bfloat16 it is 1.001.
    """
    return {
        name: (tensor if ".act_fn." in name else tensor.to(DTYPES[dtype])).contiguous()
        for name, tensor in stock.theirs("hf").items()
    }


def hf_config(stock: Stock, tokenizer, dtype: str) -> dict:
    name = str(DTYPES[dtype]).removeprefix("torch.")
    return {
        **stock.config,
        "bos_token_id": tokenizer.bos,
        "eos_token_id": stop_ids(tokenizer),
        "pad_token_id": None,
        "dtype": name,
        "torch_dtype": name,  # what transformers 4 reads
    }


def generation_config(tokenizer) -> dict:
    """What `acorn chat` does when it is told nothing else."""
    stops = stop_ids(tokenizer) or [tokenizer.bos]
    return {
        "bos_token_id": tokenizer.bos,
        "eos_token_id": stops,
        "pad_token_id": stops[0],
        "do_sample": True,
        "temperature": 0.6,
        "top_k": 50,
        "top_p": 1.0,
    }
