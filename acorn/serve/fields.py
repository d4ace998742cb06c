"""
What requests may say. Types are strict, numbers have bounds, null means the default, and fields we do not know are
ignored, as OpenAI-compatible servers do; what we know and cannot do is refused rather than ignored.
"""

import reprlib
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from acorn.infer.sample import Sampling
from acorn.serve.errors import ApiError

MOST_STOPS, LONGEST_STOP = 16, 1024  # strings, characters
MOST_TOP = 20  # likeliest tokens named beside each
MOST_CHOICES = 128
LONGEST_GRAMMAR = 1 << 16  # characters
GRAMMARS = {"guided_json": "json_schema", "guided_regex": "regex", "guided_grammar": "grammar", "grammar": "grammar"}


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Stop = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]],
    Field(max_length=MOST_STOPS),
    BeforeValidator(as_list),
]
Word = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1 << 31)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


T = TypeVar("T", bound=Body)


class StreamOptions(Body):
    include_usage: bool | None = None


class JsonSchema(Body):
    """strict, name and description change nothing: a schema is always followed to the letter."""

    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(Body):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class Generation(Body):
    """What chat and plain completions share."""

    model: Annotated[str, Field(max_length=256)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=1 << 31)] | None = None  # 0 and -1: all tokens
    min_p: Share | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Annotated[dict[str, Annotated[Number, Field(ge=-100, le=100)]], Field(max_length=1024)] | None = None
    stop: Stop | None = None
    seed: Seed | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    grammar: Annotated[str, Field(max_length=LONGEST_GRAMMAR)] | None = None
    guided_json: Any = None  # a schema, or the text of one
    guided_regex: Annotated[str, Field(max_length=LONGEST_GRAMMAR)] | None = None
    guided_grammar: Annotated[str, Field(max_length=LONGEST_GRAMMAR)] | None = None
    guided_choice: Annotated[list[Word], Field(min_length=1, max_length=1024)] | None = None

    def sampling(self, max_tokens: int, logprobs: int | None) -> Sampling:
        given = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": max(0, self.top_k or 0),
            "min_p": self.min_p,
            "repetition_penalty": self.repetition_penalty,
            "seed": self.seed,
            "stop": tuple(self.stop or ()),
        }
        return Sampling(max_tokens=max_tokens, logprobs=logprobs, **{k: v for k, v in given.items() if v is not None})

    def constraint(self) -> tuple[str, str, str] | None:
        """-> (the field, its kind, its text), of the one grammar that the request may have."""
        given = [(name, kind, getattr(self, name)) for name, kind in GRAMMARS.items()]
        asked = [entry for entry in given if entry[2] is not None]
        if self.guided_choice is not None:
            choices = " | ".join(to_json(choice).decode() for choice in self.guided_choice)
            asked.append(("guided_choice", "grammar", f"start: {choices}"))
        form = self.response_format
        if form and form.type != "text":
            if form.type == "json_schema" and form.json_schema is None:
                raise ApiError(400, "response_format.json_schema is missing", "response_format.json_schema")
            schema = form.json_schema.schema_ if form.type == "json_schema" else {"type": "object"}
            asked.append(("response_format", "json_schema", schema))
        if len(asked) > 1:
            names = " and ".join(name for name, _, _ in asked)
            raise ApiError(400, f"{names}: a reply can follow one grammar only", asked[1][0])
        if not asked:
            return None
        name, kind, value = asked[0]
        if not isinstance(value, str | dict):
            raise ApiError(400, f"{name}: input should be a schema or its text; got {reprlib.repr(value)}", name)
        text = value if isinstance(value, str) else to_json(value).decode()
        if len(text) > LONGEST_GRAMMAR:
            raise ApiError(400, f"{name}: {len(text):,} characters; at most {LONGEST_GRAMMAR:,} are read", name)
        return name, kind, text

    @property
    def usage_wanted(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(Generation):
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=4096)]
    max_tokens: Annotated[Count, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[Count, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None


class CompletionRequest(Generation):
    prompt: Any = None
    max_tokens: Count | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    best_of: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    suffix: str | None = None


class TokenizeRequest(Body):
    model: str | None = None
    prompt: str | None = None
    content: str | None = None  # llama.cpp's word for it
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=4096)] | None = None
    add_special_tokens: bool | None = None


class DetokenizeRequest(Body):
    model: str | None = None
    tokens: Annotated[list[Annotated[int, Field(ge=0, le=1 << 31)]], Field(max_length=1 << 20)]


class RenderRequest(Body):
    text: Annotated[str, Field(max_length=1 << 18)]


def parse(kind: type[T], body: bytes) -> T:
    """The body of a request -> what it says; ApiError 400 that names the field."""
    try:
        data = from_json(body, allow_inf_nan=False)
    except ValueError as e:
        raise ApiError(400, f"the body is not JSON: {e}", code="invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, f"the body must be a JSON object, not {reprlib.repr(data)}", code="invalid_json")
    try:
        return kind.model_validate(data)
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
    param = spell(first["loc"])
    text = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "missing":
        raise ApiError(400, f"{param} is missing", param, "missing_field")
    raise ApiError(400, f"{param}: {text}; got {reprlib.repr(first['input'])}", param, "invalid_value")


def spell(place: tuple) -> str:
    """('messages', 0, 'role') -> messages[0].role"""
    text = ""
    for word in place:
        text += f"[{word}]" if isinstance(word, int) else f".{word}" if text else word
    return text
