"""/tokenize, /detokenize and /tokenizer_info, in vLLM's words, which lm-eval's remote tokenizer speaks."""

from fastapi import Request
from fastapi.responses import Response

from acorn.serve.body import read_body
from acorn.serve.errors import ApiError
from acorn.serve.fields import DetokenizeRequest, TokenizeRequest, parse
from acorn.serve.models import Models, off_loop
from acorn.serve.respond import json_response


async def tokenize(request: Request, models: Models) -> Response:
    asked = parse(TokenizeRequest, await read_body(request))
    served = models.pick(asked.model)
    text = asked.content if asked.prompt is None else asked.prompt
    if (text is None) == (asked.messages is None):
        raise ApiError(400, "expected one of prompt and messages", "prompt", "missing_field")
    if asked.messages is not None:
        ids = await served.encode_chat(asked.messages)
    elif text in served.tokenizer.specials:  # lm-eval asks for the ids of bos and eos by their names
        ids = [served.tokenizer.specials[text]]
    else:
        ids = await off_loop(len(text), served.tokenizer.encode, text, param="prompt")
        if asked.add_special_tokens and served.tokenizer.adds_bos:
            ids = [served.tokenizer.bos, *ids]
    return json_response({"count": len(ids), "max_model_len": served.engine.context, "tokens": ids})


async def detokenize(request: Request, models: Models) -> Response:
    asked = parse(DetokenizeRequest, await read_body(request))
    served = models.pick(asked.model)
    bad = next((i for i, token in enumerate(asked.tokens) if token >= served.tokenizer.n_vocab), None)
    if bad is not None:
        last = served.tokenizer.n_vocab - 1
        raise ApiError(
            400,
            f"tokens[{bad}]: {asked.tokens[bad]} is no token id from 0 to {last}",
            f"tokens[{bad}]",
            "invalid_value",
        )
    return json_response({"prompt": served.tokenizer.decode(asked.tokens)})


async def tokenizer_info(request: Request, models: Models) -> Response:
    tokenizer = models.pick(request.query_params.get("model")).tokenizer
    bos = tokenizer.decode([tokenizer.bos])
    end = tokenizer.decode([min(tokenizer.stops)]) if tokenizer.stops else bos
    return json_response(
        {
            "tokenizer_class": f"acorn-{tokenizer.kind}",
            "vocab_size": tokenizer.n_vocab,
            "bos_token": bos,
            "eos_token": end,
            "pad_token": bos,
            "bos_token_id": tokenizer.bos,
            "eos_token_id": min(tokenizer.stops, default=tokenizer.bos),
            "special_tokens": tokenizer.specials,
            "chat_template": tokenizer.template,
        }
    )
