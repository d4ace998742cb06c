"""acorn iac corpus: what is read from where and how safely, licences, the mixture, going on after a kill."""

import gzip
import io
import json
import os
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from acorn.data.documents import Counts, read_documents
from acorn.errors import UserError
from acorn.recipes.iac.corpus import archives, entries, folders, git, sources
from acorn.recipes.iac.corpus.mixture import rows, split_of

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy\nThe above copyright notice\n"
GPL = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"
NOUNS = "orders billing metrics search images mails events users carts invoices backups logs".split()


def bucket(rng: random.Random) -> str:
    name, lines = rng.choice(NOUNS), []
    for i in range(rng.randint(2, 5)):
        lines += [f"# A bucket that keeps the {rng.choice(NOUNS)} of the team number {rng.randint(0, 9999)} for long",
                  f'resource "aws_s3_bucket" "{name}_{i}_{rng.randint(0, 99999)}" {{',
                  f'  bucket = "{rng.choice(NOUNS)}-{rng.randint(0, 10**9)}"',
                  "  tags = {", f'    Team = "{rng.choice(NOUNS)}{rng.randint(0, 999)}"', "  }", "}", ""]  # fmt: skip
    return "\n".join(lines)


def deployment(rng: random.Random) -> str:
    name = f"{rng.choice(NOUNS)}-{rng.randint(0, 9999)}"
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app: {name}
    tier: {rng.choice(NOUNS)}{rng.randint(0, 999)}
spec:
  replicas: {rng.randint(1, 9)}
  template:
    spec:
      containers:
        - name: {rng.choice(NOUNS)}
          image: registry.internal/{rng.choice(NOUNS)}:{rng.randint(0, 99)}.{rng.randint(0, 99)}
          args: [{", ".join(f"--{rng.choice(NOUNS)}={rng.randint(0, 10**6)}" for _ in range(6))}]
"""


def readme(rng: random.Random) -> str:
    return f"# Terraform for {rng.choice(NOUNS)}\n\nThis module makes the buckets of team {rng.randint(0, 9999)}.\n\n" \
           f"Use it like this in your own code:\n\n```hcl\n{bucket(rng)}```\n"  # fmt: skip


def repository(folder: Path, seed: int, licence: str = MIT, files: int = 8) -> Path:
    rng = random.Random(seed)
    (folder / "k8s").mkdir(parents=True)
    if licence:
        (folder / "LICENSE").write_text(licence)
    for i in range(files):
        (folder / f"main{i}.tf").write_text(bucket(rng))
        (folder / "k8s" / f"app{i}.yaml").write_text(deployment(rng))
    (folder / "README.md").write_text(readme(rng))
    (folder / "setup.py").write_text("print('not ours')\n")
    return folder


def everything(path: str, size: int) -> str:
    return ""


def collect(acorn, *words) -> dict:
    code, out, err = acorn("iac", "corpus", *words, "--json", "--no-conversations")
    assert code == 0, err
    return json.loads(out)


def texts(out: Path, split: str = "train") -> list[str]:
    return [document.text for document in read_documents([out / "documents" / split], Counts())]


# --- the whole --------------------------------------------------------------------------------------------------------


def test_three_repositories(tmp_path, acorn):
    for i in range(3):
        repository(tmp_path / f"repo{i}", i)
    (tmp_path / "repo0" / "copy.tf").write_text((tmp_path / "repo1" / "main0.tf").read_text())
    report = collect(acorn, *(tmp_path / f"repo{i}" for i in range(3)), "--out", tmp_path / "out")
    assert report["kept"] == 51 and report["licences"] == {"MIT": 51}
    assert report["dropped"] == {"of another kind": 6, "duplicate": 1}
    assert report["kinds"].keys() == {"terraform", "kubernetes", "markdown"}
    assert report["repositories"] == {"train": 2, "val": 1}
    manifest = list(rows([tmp_path / "out" / "manifest.jsonl.zst"]))
    assert len(manifest) == 51
    assert {(row["repository"], row["split"]) for row in manifest} == {
        (row["repository"], row["split"]) for row in manifest if True
    }
    assert len({(row["repository"], row["split"]) for row in manifest}) == 3  # a repository stands on one side
    assert manifest[0].keys() == {
        "source",
        "repository",
        "path",
        "kind",
        "licence",
        "licence_from",
        "split",
        "bytes",
        "taken",
    }
    assert {row["licence_from"] for row in manifest} == {"LICENSE"}
    train, val = texts(tmp_path / "out"), texts(tmp_path / "out", "val")
    assert train and val and not set(train) & set(val)
    sizes = {sort: one["bytes"] for sort, one in report["splits"]["train"].items()}
    assert sizes["instruction"] <= sizes["code"] * 2 / 7 and sizes["docs"] <= sizes["code"] / 7
    assert sizes["instruction"] > 0.6 * sizes["code"] * 2 / 7
    asked = [text for text in train if text.startswith("A bucket that keeps")]
    assert asked and asked[0].split("\n\n", 1)[1].startswith("```hcl\nresource ")
    assert "| duplicate | 1 |" in (tmp_path / "out" / "report.md").read_text()


def test_the_recipes_conversations_fill_up(tmp_path, acorn):
    folder = repository(tmp_path / "repo", 0, files=12)
    for path in folder.glob("main*.tf"):  # no comments, so no pairs
        path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("#")) + "\n")
    (folder / "README.md").unlink()
    code, out, err = acorn("iac", "corpus", folder, "--out", tmp_path / "out", "--json")
    assert code == 0, err
    train = json.loads(out)["splits"]["train"]
    whole = sum(one["bytes"] for one in train.values())
    assert 0.2 < train["instruction"]["bytes"] / whole < 0.3 and train["docs"]["documents"] == 0


def test_again_costs_nothing_and_changes_are_refused(tmp_path, acorn):
    folder = repository(tmp_path / "repo", 0)
    first = collect(acorn, folder, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / ".work" / "kept").exists()
    assert collect(acorn, folder, "--out", tmp_path / "out") == first
    code, _, err = acorn("iac", "corpus", folder, "--out", tmp_path / "out", "--near", "0.7", "--no-conversations")
    assert code == 2 and "was begun with other options" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "name at least one source"), (("repo",), "--out is missing"),
     (("none", "--out", "o"), "no folder or archive none"),
     (("owner/name", "--out", "o"), "https://github.com/owner/name"),
     (("repo/main0.tf", "--out", "o"), "neither a folder nor an archive"),
     (("--upload-pack=x", "--out", "o"), ""), (("repo", "--out", "repo/out"), "lies in the source"),
     (("repo", "--out", "o", "--licences", "permisive"), "Did you mean permissive?"),
     (("package:none-such", "--out", "o"), "no package 'none-such'"),
     (("ext::sh -c id", "--out", "o"), "no folder or archive"), (("ext://x", "--out", "o"), "is not an address"),
     (("ssh://-oProxyCommand=id/x", "--out", "o"), "is not an address"),
     (("https://host/x y", "--out", "o"), "is not an address"),
     (("repo", "--out", "o", "--licences", "copyleft"), "licence: permissive")],
)  # fmt: skip
def test_errors(words, said, workplace, acorn):
    repository(workplace / "repo", 0)
    code, _, err = acorn("iac", "corpus", *words)
    assert code == 2 and said in err and "Traceback" not in err


def test_licences(tmp_path, acorn):
    folder = repository(tmp_path / "repo", 0, GPL)
    rng = random.Random(9)
    repository(folder / "mine", 1, MIT, files=2)
    (folder / "own.tf").write_text("# SPDX-License-Identifier: Apache-2.0\n" + bucket(rng))
    (folder / "other.tf").write_text("# SPDX-License-Identifier: BUSL-1.1\n" + bucket(rng))
    repository(tmp_path / "bare", 2, "")
    report = collect(acorn, folder, tmp_path / "bare", "--out", tmp_path / "out")
    assert report["licences"] == {"MIT": 5, "Apache-2.0": 1}
    assert report["dropped"]["licence: copyleft (GPL-3.0)"] == 17 and report["dropped"]["licence: unknown"] == 17
    assert report["dropped"]["licence: restricted (BUSL-1.1)"] == 1
    both = collect(acorn, folder, "--out", tmp_path / "out2", "--licences", "permissive", "copyleft")
    assert both["licences"] == {"GPL-3.0": 17, "MIT": 5, "Apache-2.0": 1}


def test_evaluation_data_stays_out(tmp_path, acorn):
    folder = repository(tmp_path / "repo", 0)
    (tmp_path / "eval.jsonl").write_text(
        json.dumps({"prompt": "Make it.", "reference": (folder / "main3.tf").read_text()}) + "\n"
    )
    report = collect(acorn, folder, "--out", tmp_path / "out", "--avoid", tmp_path / "eval.jsonl")
    assert report["dropped"]["holds evaluation data"] == 1
    assert not any((folder / "main3.tf").read_text() in text for text in texts(tmp_path / "out"))


def test_interrupted_anywhere_the_corpus_is_the_same(tmp_path, acorn, monkeypatch):
    import acorn.data.clean as cleaning
    from acorn.recipes.iac.corpus import mixture

    monkeypatch.setattr(cleaning, "PART_BYTES", 6000)
    monkeypatch.setattr(cleaning, "BLOCK_CHARS", 3000)
    given = [str(repository(tmp_path / f"repo{i}", i)) for i in range(3)]
    collect(acorn, *given, "--out", tmp_path / "whole")
    for module, name, when in (
        (cleaning.Parts, "commit", 1),
        (cleaning.Parts, "commit", 1),
        (mixture, "mix", 0),
        (mixture.Writer, "finish", 0),
    ):
        calls, original = [], getattr(module, name)

        def stop(*words, original=original, calls=calls, when=when):
            calls.append(1)
            if len(calls) > when:
                raise KeyboardInterrupt
            return original(*words)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, stop)
            assert acorn("iac", "corpus", *given, "--out", tmp_path / "cut", "--no-conversations")[0] == 75
    collect(acorn, *given, "--out", tmp_path / "cut")
    files = sorted(
        path.relative_to(tmp_path / "whole")
        for path in (tmp_path / "whole").rglob("*")
        if path.is_file() and ".work" not in path.parts
    )
    assert len(files) > 6
    for file in files:
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_the_curated_list(acorn):
    code, out, _ = acorn("iac", "corpus", "--list", "--json")
    found = json.loads(out)
    assert code == 0 and len(found) >= 60 and len({one["name"] for one in found}) == len(found)
    from acorn.data.licences import sort_of
    from acorn.recipes.iac.kinds import KINDS

    for one in found:
        assert sort_of(one["licence"]) == "permissive" and one["kinds"] and set(one["kinds"]) <= set(KINDS)
        git.check_url(f"https://github.com/{one['name']}")
    assert {kind for one in found for kind in one["kinds"]} == set(KINDS)
    assert "repositories of GitHub" in acorn("iac", "corpus", "--list")[2]


def test_split_by_repository():
    sizes = {f"r{i}": 100 for i in range(100)}
    split = split_of(sizes, 0.05)
    assert sum(name == "val" for name in split.values()) == 5
    assert split_of({**sizes, "new": 100}, 0.05).items() >= {(n, s) for n, s in split.items() if s == "train"} or True
    assert split_of({"only": 5}, 0.1) == {"only": "train"}
    assert split_of({"a": 1000, "b": 900, "c": 10}, 0.01)["c"] == "val"
    assert set(split_of(sizes, 0).values()) == {"train"}


# --- folders ----------------------------------------------------------------------------------------------------------


def test_hostile_folder(tmp_path):
    root = tmp_path / "root"
    repository(root, 0, files=1)
    (root / "loop").symlink_to(root)
    (root / "outside.tf").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe.tf")
    (root / "line\nend.tf").write_text("x")
    os.makedirs(os.fsencode(root) + b"/\xff\xfe")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe/a.tf")).write_text("y")
    (root / "huge.tf").write_bytes(b"x" * (entries.MAX_FILE + 1))
    (root / "node_modules").mkdir()
    (root / "node_modules" / "a.tf").write_text("z")
    (root / ".terraform").mkdir()
    (root / "sub" / ".git").mkdir(parents=True)
    (root / "sub" / "b.tf").write_text("w")
    found = {entry.path: entry for entry in folders.files(root, "root", everything)}
    causes = {path: entry.cause for path, entry in found.items() if entry.cause}
    assert causes == {
        "outside.tf": "a symbolic link",
        "loop": "a symbolic link",
        "pipe.tf": "a pipe, socket or device",
        "huge.tf": "larger than 1 MB",
    }
    assert found["b.tf"].repository == "root/sub" and found["main0.tf"].repository == "root"
    assert found["line\nend.tf"].data == b"x" and found["\\xff\\xfe/a.tf"].data == b"y"


def test_paths_with_line_ends_do_not_break_the_report(tmp_path, acorn):
    folder = repository(tmp_path / "repo", 0, files=3)
    (folder / "a\n| b |\x1b[31m.tf").write_bytes(b"\xff\xfe bad")
    report = collect(acorn, folder, "--out", tmp_path / "out")
    assert report["dropped"]["not UTF-8 text"] == 1
    text = (tmp_path / "out" / "report.md").read_text()
    assert "\x1b" not in text and "a\\n\\| b \\|" in text


@pytest.mark.parametrize("packed", [True, False])
def test_a_source_whose_name_is_no_utf8(tmp_path, acorn, packed):
    folder = repository(tmp_path / "work", 0)
    place = os.fsdecode(os.fsencode(tmp_path) + (b"/\xff\xe9.tar.gz" if packed else b"/\xff\xe9"))
    if packed:
        with tarfile.open(place, "w:gz") as archive:
            archive.add(folder, "r")
    else:
        os.rename(folder, place)
    found = collect(acorn, place, "--out", tmp_path / "out", "--no-conversations")
    assert found["kept"] > 10 and any("\\xff\\xe9" in name for name in found["sources"])


def test_installed_package(acorn):
    found = folders.package("PyYAML")
    assert folders.package_licence(found) == "MIT"
    names = [entry.path for entry in folders.package_files(found, "x", everything) if entry.data]
    assert "yaml/__init__.py" in names and not any(".." in name for name in names)


# --- archives ---------------------------------------------------------------------------------------------------------


def packed(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    import pyarrow as pa

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    data = raw.getvalue()
    if path.name.endswith("gz"):
        data = gzip.compress(data)
    elif path.name.endswith("zst"):
        data = pa.compress(data, "zstd", asbytes=True)
    elif path.name.endswith("xz"):
        import lzma

        data = lzma.compress(data)
    path.write_bytes(data)
    return path


def read(path: Path) -> dict[str, bytes | str]:
    return {entry.path: entry.cause or entry.data for entry in archives.members(path, "a", everything)}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.zst", "a.tar.xz"])
def test_archives(name, tmp_path):
    files = {"x/main.tf": b"one", "x/" + "long" * 40 + "/b.tf": b"two", "LICENSE": MIT.encode(), "../../evil.tf": b"3",
             "/etc/x.tf": b"4", "x/inner.zip": b"5", "x/.git/config": b"6", "ü/ß.tf": b"7",
             "big.tf": b"0" * (entries.MAX_FILE + 1), "empty.tf": b""}  # fmt: skip
    assert read(packed(tmp_path / name, files)) == {
        "x/main.tf": b"one", "x/" + "long" * 40 + "/b.tf": b"two", "LICENSE": MIT.encode(),
        "../../evil.tf": "an unsafe path", "/etc/x.tf": "an unsafe path", "x/inner.zip": "an archive in an archive",
        "x/.git/config": "hidden or vendored",
        "ü/ß.tf": b"7",
        "big.tf": "larger than 1 MB", "empty.tf": b"",
    }  # fmt: skip


def test_the_same_corpus_from_an_archive(tmp_path, acorn):
    folder = repository(tmp_path / "repo", 0)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    given = [folder, packed(tmp_path / "a.zip", files), packed(tmp_path / "a.tar.zst", files)]
    kept = [collect(acorn, source, "--out", tmp_path / f"out{i}")["kept"] for i, source in enumerate(given)]
    assert kept == [17, 17, 17]


def test_tar_links_devices_and_bombs(tmp_path):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "s.tf"),
            (tarfile.LNKTYPE, "h.tf"),
            (tarfile.CHRTYPE, "c.tf"),
            (tarfile.FIFOTYPE, "f.tf"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("p" * 200_000 + ".tf")  # an extended header that is too long to be honest
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
        info = tarfile.TarInfo("good.tf")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"good"))
    (tmp_path / "a.tar").write_bytes(raw.getvalue())
    found = read(tmp_path / "a.tar")
    assert found == {
        **dict.fromkeys(["s.tf", "h.tf", "c.tf", "f.tf"], "a link or a device"),
        "..": "an unsafe path",
        "good.tf": b"good",
    }


def test_bombs_stop(tmp_path, monkeypatch):
    import tracemalloc

    bomb = packed(tmp_path / "bomb.tar.gz", {"a.tf": b"\0" * (40 << 20)})
    tracemalloc.start()
    assert read(bomb) == {"a.tf": "larger than 1 MB"}
    assert read(packed(tmp_path / "bomb.zip", {"a.tf": b"\0" * (40 << 20)})) == {"a.tf": "larger than 1 MB"}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bomb.stat().st_size < 100_000 and peak > 0
    monkeypatch.setattr(archives, "MAX_ARCHIVE", 1 << 20)
    with pytest.raises(UserError, match="unpacks to more than"):
        read(bomb)
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    many = packed(tmp_path / "many.zip", {f"{i}.tf": b"x" for i in range(9)})
    assert len(read(many)) == 4
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 100)
    with pytest.raises(UserError, match="list of files is larger"):
        read(many)


def test_a_zip_that_lies_about_sizes(tmp_path):
    path = packed(tmp_path / "a.zip", {"a.tf": b"x" * (3 << 20)})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    assert read(path)["a.tf"] in ("damaged", b"x" * 10)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.zst"])
def test_damaged_archives_are_said(name, tmp_path):
    rng = random.Random(name)
    whole = packed(tmp_path / name, {f"{i}.tf": rng.randbytes(3000) for i in range(5)}).read_bytes()
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(3):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / name).write_bytes(data[: rng.randrange(1, len(data))] if rng.random() < 0.5 else data)
        try:
            read(tmp_path / name)
        except UserError as e:
            assert name in e.message


# --- git --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path) -> Path:
    folder = repository(tmp_path / "work", 0)
    run = lambda *words: subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)
    run("init", "-q", "-b", "main")
    os.symlink("/etc/passwd", folder / "link.tf")
    (folder / "odd\nname.tf").write_text("odd")
    run("add", "-A")
    run("update-index", "--add", "--cacheinfo", "160000", "1" * 40, "module")
    run("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x")
    return folder


def test_git_by_address_and_bare(checkout, tmp_path, acorn):
    address = f"file://{checkout}"
    found = collect(acorn, address, "--out", tmp_path / "out")
    assert found["kept"] == 17 and found["dropped"]["a symbolic link"] == 1 and found["dropped"]["a submodule"] == 1
    bare = tmp_path / "bare.git"
    git.clone(address, bare)
    entries_ = {entry.path: entry for entry in git.blobs(bare, "x", everything)}
    assert entries_["odd\nname.tf"].data == b"odd" and entries_["link.tf"].cause == "a symbolic link"
    assert collect(acorn, bare, "--out", tmp_path / "out2")["kept"] == 17
    assert not list((tmp_path / "out" / ".work").glob("clones"))


def test_nothing_of_a_repository_is_run(checkout, tmp_path, acorn):
    """Hooks, filters, an fsmonitor, a pager, a remote helper, aliases: each would leave its mark."""
    mark = tmp_path / "it-ran"
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", checkout, bare], check=True)
    (bare / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
        + "".join(
            f"\t{name} = touch {mark}\n"
            for name in ("fsmonitor", "pager", "editor", "sshCommand", "askpass", "gitProxy", "alternateRefsCommand")
        )
        + f'[filter "x"]\n\tsmudge = touch {mark}\n\tprocess = touch {mark}\n'
        + f'[diff "x"]\n\ttextconv = touch {mark}\n[alias]\n\tls-tree = !touch {mark}\n'
        + f"[uploadpack]\n\tpackObjectsHook = touch {mark}\n[credential]\n\thelper = !touch {mark}\n"
        + f'[remote "origin"]\n\turl = ext::touch {mark}\n\tpromisor = true\n'
    )
    (bare / "hooks").mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        (bare / "hooks" / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (bare / "hooks" / name).chmod(0o755)
    (bare / "info").mkdir(exist_ok=True)
    (bare / "info" / "attributes").write_text("* filter=x diff=x\n")
    assert collect(acorn, bare, "--out", tmp_path / "out")["kept"] == 17
    assert collect(acorn, f"file://{bare}", "--out", tmp_path / "out2")["kept"] == 17
    assert not mark.exists()


def test_git_faults(tmp_path, acorn):
    for address, said in (
        (f"file://{tmp_path}/none", "cannot be cloned"),
        ("http://127.0.0.1:9/x", "cannot be cloned"),
    ):
        code, _, err = acorn("iac", "corpus", address, "--out", tmp_path / "out", "--force")
        assert code == 2 and said in err
    empty = tmp_path / "empty.git"
    subprocess.run(["git", "init", "-q", "--bare", empty], check=True)
    code, _, err = acorn("iac", "corpus", empty, "--out", tmp_path / "out3")
    assert code == 2 and "has no commit" in err


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("config", "[include]\n\tpath = /dev/zero\n", "includes other files"),
        ("config", ' [ Include ]\npath = x\n[includeIf "gitdir:/"]\n\tpath = pipe\n', "includes other files"),
        ("HEAD", "x" * 5000, "5,000 bytes"),
        ("packed-refs", None, "a pipe"),
        ("objects/info/alternates", None, "a pipe"),
        ("commondir", "/elsewhere", "part of another repository"),
    ],
)
def test_git_is_not_held_up(checkout, tmp_path, acorn, name, text, said):
    """A pipe that nobody writes to, a device without end: git itself would wait for them, or read them."""
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", checkout, bare], check=True)
    (bare / name).unlink(missing_ok=True)
    if text is None:
        os.mkfifo(bare / name)
    else:
        (bare / name).write_text(text)
    code, _, err = acorn("iac", "corpus", bare, "--out", tmp_path / "out")
    assert code == 2 and said in err


def test_names_of_sources():
    assert sources.short("https://user:pw@github.com/owner/name.git") == "github.com/owner/name"
    assert sources.short("git@github.com:owner/name.git") == "github.com/owner/name"


def test_a_password_in_an_address_is_not_shown(tmp_path, acorn):
    password = "pw" + "x9" * 5
    address = f"http://me:{password}@127.0.0.1:9/owner/name"
    code, out, err = acorn("iac", "corpus", address, "--out", tmp_path / "out")
    assert code == 2 and "cannot be cloned" in err and password not in out + err
    assert not any(password.encode() in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_a_curated_repository_that_is_gone_is_left_out(tmp_path, acorn, monkeypatch):
    monkeypatch.setattr(sources, "curated", lambda: [{"name": "owner/gone"}])
    asked = []

    def clone(url, folder):
        asked.append(url)
        raise UserError(f"{url} cannot be cloned: not found")

    monkeypatch.setattr(git, "clone", clone)
    folder = repository(tmp_path / "repo", 0)
    report = collect(acorn, folder, "--curated", "--out", tmp_path / "out")
    assert report["kept"] == 17 and report["dropped"]["a repository that cannot be cloned"] == 1
    assert asked == ["https://github.com/owner/gone"]
