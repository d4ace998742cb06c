"""
CORE scoring straight from its definition, to compare the fast one with: one item at a time, one row at a time, a plain
forward of the whole prompt without a cache, logits for every position. Shares no code with acorn.evals.
"""

import random

import torch


def fewshots(data, i, shots):
    rng = random.Random(1234 + i)
    return [data[j] for j in rng.sample([j for j in range(len(data)) if j != i], shots)] if shots else []


def texts_of(kind, item, shown, delimiter):
    text = ""
    for s in shown:
        if kind == "multiple_choice":
            text += s["query"] + delimiter + s["choices"][s["gold"]]
        elif kind == "schema":
            text += s["context_options"][s["gold"]] + delimiter + s["continuation"]
        else:
            text += s["context"].strip() + delimiter + s["continuation"]
        text += "\n\n"
    if kind == "multiple_choice":
        return [text + item["query"] + delimiter + choice for choice in item["choices"]]
    if kind == "schema":
        return [text + context + delimiter + item["continuation"] for context in item["context_options"]]
    stem = text + item["context"].strip() + delimiter
    return [stem.strip(), stem + item["continuation"]]


def same_at_front(rows):
    n = 0
    while all(len(row) > n and row[n] == rows[0][n] for row in rows):
        n += 1
    return n


@torch.no_grad()
def losses_of(model, ids):
    """-> (nll, likeliest) at every token but the first: of ids[1:]."""
    logits = model(torch.tensor([ids]))[0, :-1].double()
    nll = -logits.log_softmax(-1)
    return [nll[t, ids[t + 1]].item() for t in range(len(ids) - 1)], logits.argmax(-1).tolist()


def score_item(model, tokenizer, kind, data, i, shots, delimiter, context):
    """-> (right, [(summed nll, tokens, all likeliest) of each row])"""
    item = data[i]
    texts = texts_of(kind, item, fewshots(data, i, shots), delimiter)
    rows = [[tokenizer.bos] + tokenizer.encode(text) for text in texts]
    if kind == "multiple_choice":
        starts = [same_at_front(rows) for _ in rows]
    elif kind == "schema":
        end = same_at_front([row[::-1] for row in rows])
        starts = [len(row) - end for row in rows]
    else:
        starts, rows = [same_at_front(rows)], [rows[1]]
    found = []
    for row, start in zip(rows, starts):
        if len(row) > context:
            start -= len(row) - context
            row = row[-context:]
        start = max(start, 1)
        losses, likeliest = losses_of(model, row)
        scored = losses[start - 1 :]
        found.append((sum(scored), len(scored), likeliest[start - 1 :] == row[start:]))
    if kind == "language_modeling":
        return found[0][1] > 0 and found[0][2], found
    means = [nll / n if n else float("nan") for nll, n, _ in found]
    return means.index(min(means)) == item["gold"], found
