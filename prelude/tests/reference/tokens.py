"""What Hugging Face's tokenizers make of hard cases, for `src/data/text/tests.rs`: tests/fixtures/tokens.json.

The vocabulary is this script's own: letters, marks, and the pieces of a few words. With transformers 5 and tokenizers 0.23.

    python prelude/tests/reference/tokens.py

With the folder of a real network's tokenizer and files of sentences, a line each up to a tab, it writes what that tokenizer makes of them and of the hard
cases into `tokens_reference.json` in that folder, which a test reads where CANDLEWICK_MINILM names the folder:

    python prelude/tests/reference/tokens.py all-MiniLM-L6-v2 sst2/dev.tsv sst2/train.tsv
"""

import json
import sys
import tempfile
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, decoders, trainers
from transformers import AutoTokenizer, BertTokenizerFast, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent.parent / "fixtures"

HARD = [
    "",
    " ",
    "A fine film, and not bad at all.",
    "the films weren't un-re-watchable!!",
    "Café naïve Ångström Übergröße ÉCOLE İstanbul ẞ ﬁne",
    "e\u0301a\u0308 o\u0308 combining \u0327 alone",
    "I ❤️ it 👍🏽 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🙂",
    "这部电影很好看 film 電影。東京タワー 한국어 영화",
    "x" * 100,
    "x" * 101 + " film",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
    "control\u0000\u0001\u0007\u200b\u200d\ufeff\ufffd\u00ad chars",
    "tabs\tand\nlines\r\nand\u00a0hard\u2003spaces\u3000wide",
    "[CLS] typed [SEP] [MASK] [UNK] [PAD] marks [cls]",
    "$5.00 €3 £2 1,000 #1 @film ½ ² ٣ Ⅷ",
    "“quotes” ‘single’ — dash… ¿qué? ¡no!",
    "العربية עברית हिन्दी ภาษาไทย Ελληνικά ΣΊΣΥΦΟΣ",
    "film" * 40,
    " ".join(["fine film"] * 60),
]
PAIRS = [
    ("a fine film", "not bad at all"),
    ("", "film"),
    ("fine", ""),
    (" ".join(["fine"] * 30), "film"),
    ("film", " ".join(["fine"] * 30)),
    (" ".join(["fine"] * 30), " ".join(["film"] * 29)),
    (" ".join(["fine"] * 29), " ".join(["film"] * 30)),
]
WORDS = "the a fine film ##s and not bad at all were un re watch ##able ##n ##t good dull end start caf ##e naive".split()


def vocabulary():
    letters = [chr(c) for c in range(33, 127)] + list("éüöäßåø电影很好看東京“”‘’—…¿¡€£½❤👍")
    pieces = [f"##{c}" for c in letters if c.isalnum()]
    return list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *pieces, *WORDS]))


def found(tokenizer, limit):
    def one(*texts):
        # as lists, as a data set is tokenised: alone, an empty second text would be none
        got = tokenizer(*[[text] for text in texts], truncation="longest_first", max_length=limit, return_offsets_mapping=True)
        ids = got["input_ids"][0]
        types = got["token_type_ids"][0] if "token_type_ids" in got else [0] * len(ids)
        return {"texts": list(texts), "ids": ids, "types": types, "spans": [list(s) for s in got["offset_mapping"][0]]}

    texts = HARD if limit > 100 else [text for text in HARD if len(text) > 150]
    return {"max": limit, "cases": [one(text) for text in texts] + [one(*pair) for pair in PAIRS]}


def main():
    vocab = vocabulary()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(vocab) + "\n", encoding="utf-8")
        by_case = {}
        for lower in (True, False):
            try:
                tokenizer = BertTokenizerFast(vocab=str(path), do_lower_case=lower)
                assert len(tokenizer) == len(vocab)
            except Exception:
                tokenizer = BertTokenizerFast(vocab={t: i for i, t in enumerate(vocab)}, do_lower_case=lower)
            assert len(tokenizer) == len(vocab), (len(tokenizer), len(vocab))
            assert tokenizer("a Film")["input_ids"][0] == vocab.index("[CLS]")
            by_case["uncased" if lower else "cased"] = [found(tokenizer, limit) for limit in (16, 17, 512)]
    # bytes, as RoBERTa has them
    bytes_of = Tokenizer(models.BPE())
    bytes_of.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_of.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bytes_of.train_from_iterator([text for text in HARD if len(text) < 90] * 3, trainer)
    bytes_of.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=bytes_of, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>"
    )
    fixture = {
        "vocab": "\n".join(vocab) + "\n",
        **by_case,
        "bytes_json": bytes_of.to_str(),
        "bytes": [found(wrapped, limit) for limit in (16, 17, 512)],
    }
    (HERE / "tokens.json").write_text(json.dumps(fixture, ensure_ascii=True, separators=(",", ":")) + "\n")
    print((HERE / "tokens.json").stat().st_size)


def of_network(folder, files):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sentences = [line.rstrip("\n").split("\t")[0] for file in files for line in open(file, encoding="utf-8")]
    cases = [(text, None) for text in HARD + sentences] + PAIRS + list(zip(sentences[::7], sentences[1::7]))
    out = []
    for pair in (False, True):
        own = [case for case in cases if (case[1] is not None) == pair]
        texts = [[first for first, _ in own]] + ([[second for _, second in own]] if pair else [])
        ids = tokenizer(*texts, truncation="longest_first", max_length=64)["input_ids"]
        out += [[first, second, row] for (first, second), row in zip(own, ids)]
    (Path(folder) / "tokens_reference.json").write_text(json.dumps(out))
    print(len(out))


if len(sys.argv) > 1:
    of_network(sys.argv[1], sys.argv[2:])
else:
    main()
