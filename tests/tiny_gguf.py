"""A tiny vision model in llama.cpp's own format: it loads, takes a picture in, and always says SAYS.

`make(folder)` writes the pair, 1 MB: a text model and an idefics3 projector, shaped like SmolVLM, with a byte-level
vocabulary of its own. So the real loading, serving and calling can be tested on a machine without a network.

The weights are random and small, but for what each token is followed by: the output row of a word of SAYS is the
embedding of the word before it, large enough that nothing else matters.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import gguf
import numpy as np

WIDTH = 64
HEADS = 4
LAYERS = 2
FEED_FORWARD = 128
PICTURE = 64
PATCH = 16
SCALE = 2
WORDS = ("ĠA", "Ġtiny", "Ġmodel", "Ġsaw", "Ġthis", "Ġpicture", ".")
SAYS = "".join(WORDS).replace("Ġ", " ").strip()
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<global-img>", "<image>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)  # fmt: skip
TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}: {% if message['content'] is string %}"
    "{{ message['content'] }}{% else %}{% for part in message['content'] %}{% if part['type'] == 'text' %}"
    "{{ part['text'] }}{% elif part['type'] == 'image' %}<image>{% endif %}{% endfor %}{% endif %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)


def make(folder: Path) -> tuple[Path, Path]:
    """Writes the model and its projector; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    model, projector = folder / "tiny-Q8_0.gguf", folder / "mmproj-tiny-Q8_0.gguf"
    random = np.random.default_rng(1)
    _text_model(model, random)
    _projector(projector, random)
    return model, projector


def _vocabulary() -> list[str]:
    """GPT-2's: every byte has a printable character; the printable ASCII ones are their own."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    names = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    return [names[byte] for byte in range(256)]


def _text_model(path: Path, random: np.random.Generator) -> None:
    # Two newlines in one are what goes before a picture. The full stop is a byte, and so in the vocabulary already.
    tokens = [*_vocabulary(), "ĊĊ", *WORDS[:-1], *SPECIAL]
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges(["Ċ Ċ"])
    writer.add_bos_token_id(tokens.index("<|im_start|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_chat_template(TEMPLATE)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, _weights(random, *shape))

    embedding, output = random.standard_normal((len(tokens), WIDTH)), np.zeros((len(tokens), WIDTH))
    said = [":", *WORDS, "<|im_end|>"]  # the prompt ends in "Assistant:"
    for before, after in itertools.pairwise(said):
        output[tokens.index(after)] = embedding[tokens.index(before)]
    writer.add_tensor("token_embd.weight", embedding.astype(np.float32))
    writer.add_tensor("output.weight", output.astype(np.float32))
    add("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        add(f"{block}.attn_norm.weight", WIDTH)
        add(f"{block}.ffn_norm.weight", WIDTH)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}.{name}.weight", WIDTH, WIDTH)
        add(f"{block}.ffn_gate.weight", FEED_FORWARD, WIDTH)
        add(f"{block}.ffn_up.weight", FEED_FORWARD, WIDTH)
        add(f"{block}.ffn_down.weight", WIDTH, FEED_FORWARD)
    _write(writer)


def _projector(path: Path, random: np.random.Generator) -> None:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "idefics3")
    writer.add_uint32("clip.vision.image_size", PICTURE)
    writer.add_uint32("clip.vision.preproc_image_size", PICTURE * 2)
    writer.add_uint32("clip.vision.patch_size", PATCH)
    writer.add_uint32("clip.vision.embedding_length", WIDTH)
    writer.add_uint32("clip.vision.feed_forward_length", FEED_FORWARD)
    writer.add_uint32("clip.vision.projection_dim", WIDTH)
    writer.add_uint32("clip.vision.block_count", LAYERS)
    writer.add_uint32("clip.vision.attention.head_count", HEADS)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_uint32("clip.vision.projector.scale_factor", SCALE)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_bool("clip.use_gelu", True)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, _weights(random, *shape))

    add("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
    add("v.patch_embd.bias", WIDTH)
    add("v.position_embd.weight", (PICTURE // PATCH) ** 2, WIDTH)
    for layer in range(LAYERS):
        block = f"v.blk.{layer}"
        for name, outputs, inputs in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, WIDTH),
            ("attn_v", WIDTH, WIDTH),
            ("attn_out", WIDTH, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ):
            add(f"{block}.{name}.weight", outputs, inputs)
            add(f"{block}.{name}.bias", outputs)
        for name in ("ln1", "ln2"):
            add(f"{block}.{name}.weight", WIDTH)
            add(f"{block}.{name}.bias", WIDTH)
    add("v.post_ln.weight", WIDTH)
    add("v.post_ln.bias", WIDTH)
    add("mm.model.fc.weight", WIDTH, WIDTH * SCALE * SCALE)
    _write(writer)


def _weights(random: np.random.Generator, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return (random.standard_normal(shape) * 0.05 + (1 if len(shape) == 1 else 0)).astype(np.float32)


def _write(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    print(*make(Path(sys.argv[1])))
