//! A BERT of the prelude's layers, beside PEFT on Hugging Face's.
