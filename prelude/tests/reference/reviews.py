"""How far counting words gets on the generator's reviews: logistic regression of scikit-learn's on words, and on words and pairs of words.

    cargo run --release -p candlewick-prelude --example reviews -- 6000 42 reviews.tsv
    python prelude/tests/reference/reviews.py reviews.tsv
"""

import csv
import sys
from collections import defaultdict

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
cut = len(rows) * 5 // 6
train, test = rows[:cut], rows[cut:]
for name, words in [("words", (1, 1)), ("words and pairs", (1, 2)), ("runs up to three", (1, 3))]:
    counts = CountVectorizer(ngram_range=words, token_pattern=r"\w+|[^\w\s]+")
    model = LogisticRegression(max_iter=3000, C=1.0)
    model.fit(counts.fit_transform([row["text"] for row in train]), [row["label"] for row in train])
    found = model.predict(counts.transform([row["text"] for row in test]))
    right = defaultdict(list)
    for row, label in zip(test, found):
        right[row["trap"]].append(label == row["label"])
        right["all"].append(label == row["label"])
    print(name, {key: f"{sum(own) / len(own):.3f} of {len(own)}" for key, own in sorted(right.items())})
