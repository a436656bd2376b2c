"""Hugging Face's side of benches/text.py: the same fine-tuning as prelude/examples/text_finetune.rs.

Run:  python benches/text_hf.py TABLE ENCODER whole|lora|frozen EPOCHS RATE SEED

TABLE is a CSV file with the columns part (train, valid), text and label. Whole and lora: transformers' Trainer, with PEFT's adapters on queries and values
(rank 8, alpha 16, dropout 0.1) for lora; batch 16, AdamW, warm-up over a tenth and then a line to 0, as its defaults are. Frozen: the plain loop that is written where an
encoder is kept as it is: every epoch runs it without gradients and trains a row of weights on the mean of its tokens.
"""
import csv
import os
import resource
import sys
import tempfile
import time

import torch
from transformers import (
    AutoModel, AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
    set_seed,
)

BATCH, LONGEST = 16, 128


def rows(table, part):
    with open(table, newline="", encoding="utf-8") as file:
        return [(row["text"], int(row["label"])) for row in csv.DictReader(file) if row["part"] == part]


class Texts(torch.utils.data.Dataset):
    """Tokens of texts, kept."""

    def __init__(self, tokenizer, rows):
        coded = tokenizer([text for text, _ in rows], truncation=True, max_length=LONGEST)
        self.rows = [{**{name: coded[name][at] for name in coded}, "labels": label} for at, (_, label) in enumerate(rows)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, at):
        return self.rows[at]


def trained(encoder, tokenizer, train, valid, lora, epochs, rate, seed):
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
    if lora:
        from peft import LoraConfig, TaskType, get_peft_model
        model = get_peft_model(model, LoraConfig(task_type=TaskType.SEQ_CLS, r=8, lora_alpha=16, lora_dropout=0.1,
                                                 target_modules=["query", "value"]))
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, per_device_eval_batch_size=32, learning_rate=rate,
            num_train_epochs=epochs, warmup_steps=0.1, weight_decay=0.01, seed=seed, eval_strategy="epoch",
            save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, logging_strategy="no")
        right = lambda seen: {"accuracy": float((seen.predictions.argmax(-1) == seen.label_ids).mean())}
        trainer = Trainer(model, options, train_dataset=train, eval_dataset=valid, compute_metrics=right,
                          data_collator=DataCollatorWithPadding(tokenizer))
        start, before = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, work = time.perf_counter() - start, time.process_time() - before
        last = [one for one in trainer.state.log_history if "eval_accuracy" in one][-1]
    return last["eval_accuracy"], last["eval_loss"], seconds, work


def frozen(encoder, tokenizer, train, valid, epochs, rate):
    body, pad = AutoModel.from_pretrained(encoder).eval(), DataCollatorWithPadding(tokenizer)
    head = torch.nn.Linear(body.config.hidden_size, 2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate)

    def features(batch):
        with torch.no_grad():
            states = body(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        return (states * mask).sum(1) / mask.sum(1)

    start, before = time.perf_counter(), time.process_time()
    for _ in range(epochs):
        for batch in torch.utils.data.DataLoader(train, BATCH, shuffle=True, collate_fn=pad):
            loss = torch.nn.functional.cross_entropy(head(features(batch)), batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right, total = 0, 0.0
        with torch.no_grad():
            for batch in torch.utils.data.DataLoader(valid, 32, collate_fn=pad):
                said = head(features(batch))
                right += int((said.argmax(-1) == batch["labels"]).sum())
                total += float(torch.nn.functional.cross_entropy(said, batch["labels"], reduction="sum"))
    return right / len(valid), total / len(valid), time.perf_counter() - start, time.process_time() - before


def main(table, encoder, what, epochs, rate, seed):
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    train, valid = (Texts(tokenizer, rows(table, part)) for part in ("train", "valid"))
    if what == "frozen":
        found = frozen(encoder, tokenizer, train, valid, epochs, rate)
    else:
        found = trained(encoder, tokenizer, train, valid, what == "lora", epochs, rate, seed)
    accuracy, loss, seconds, work = found
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{accuracy:.4f}\t{loss:.4f}\t{seconds:.2f}\t{work:.2f}\t{memory:.0f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
