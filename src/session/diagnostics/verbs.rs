//! What people type who know fastai, Keras, PyTorch or Ultralytics, and what it is called here.

use super::report::Report;

/// Names of one meaning, and what to write instead.
type Verbs = &'static [(&'static [&'static str], &'static str)];

/// Methods of a learner, and what makes one.
const LEARNER: Verbs = &[
    (
        &["to_onnx", "onnx", "export_model", "to_onnx_file", "onnx_export"],
        "`learner.export_onnx(\"model.onnx\")?` writes it for other programs",
    ),
    (
        &["export", "to_pickle", "dump"],
        "`learner.save(\"model.safetensors\")?` writes all of it, `learner.export_onnx(\"model.onnx\")?` the network for other programs",
    ),
    (
        &["save_model", "save_pretrained", "save_checkpoint", "save_state"],
        "`learner.save(\"model.safetensors\")?` writes all of it, `learner.save_weights(\"weights.safetensors\")?` the weights alone; \
         an encoder of text goes to Hugging Face's libraries by `learner.save_encoder(\"folder\")?`",
    ),
    (&["print_trainable_parameters", "num_parameters"], "`learner.summary()?` says what trains and its share"),
    (&["disable_adapter", "unload"], "`learner.unload_lora()?` takes the adapters away"),
    (
        &["load_learner", "load_model", "from_file", "read", "restore", "load_from_checkpoint", "from_checkpoint"],
        "`Learner::open(\"model.safetensors\")?` makes a learner of a file that `learner.save` wrote; `learner.load(path)?` puts one into a learner that there is",
    ),
    (
        &["load_state_dict", "load_weights", "load_checkpoint", "set_weights"],
        "`learner.load(\"model.safetensors\")?` takes over what `learner.save` wrote; other programs' weights are started from: \
         `Learner::vision(Arch::ResNet18.weights(\"file.pth\"), &data)?`",
    ),
    (
        &[
            "state_dict",
            "parameters",
            "named_parameters",
            "get_weights",
            "trainable_variables",
            "trainable_weights",
            "weights",
        ],
        "`learner.network().params().params()` are the parameters by name, `learner.save_weights(\"weights.safetensors\")?` writes them",
    ),
    (
        &["eval", "requires_grad_", "no_grad", "train_mode", "eval_mode"],
        "there is no mode to set: `fit` trains, `predict` and `validate` run as for evaluation; `learner.freeze()` and `unfreeze()` say what trains",
    ),
    (
        &[
            "train",
            "fit_generator",
            "train_model",
            "train_on_batch",
            "fit_epochs",
            "training_step",
            "fit_flat_cos",
            "fit_sgdr",
        ],
        "`learner.fit(3, 1e-3)?` trains, so does `learner.fit_one_cycle(3, 1e-3)?`; before it there is no mode to set",
    ),
    (
        &["to", "cuda", "cpu", "gpu", "to_device", "half", "float"],
        "a learner is on the first GPU that the prelude was built for, else on the CPU; `CANDLEWICK_DEVICE=cpu` chooses before the session starts",
    ),
    (
        &["to_fp16", "to_fp32", "to_bf16", "amp", "autocast"],
        "`learner.mixed_precision()?` computes products in half precision",
    ),
    (
        &["compile", "loss_func", "loss_fn", "set_loss", "criterion"],
        "loss and metrics come with the task, so nothing is compiled: `learner.optimizer(Optimizer::adamw())`, `learner.metric(…)`, or a loss of your own with `impl Task`",
    ),
    (
        &["zero_grad", "backward", "step", "optimizer_step"],
        "`learner.fit(1, 1e-3)?` takes all steps of an epoch; a callback sees each: `learner.add(|when: When, fit: &mut Fit| …)`",
    ),
    (
        &["get_preds", "predict_generator", "predict_batch", "predict_on_batch", "predict_many", "test_dl"],
        "`learner.predict_all(&[\"a.jpg\", \"b.jpg\"])?` tells of several pictures",
    ),
    (
        &["predict_proba", "predict_classes", "forward", "call", "infer", "detect"],
        "`learner.predict(\"new.jpg\")?` tells the class with all probabilities; `learner.answers(&tensor)?` what is said of tensors",
    ),
    (
        &["recorder", "plot_history", "plot_loss", "plot_metrics", "plot_training", "show_training_loop"],
        "`learner.plot_losses()?` draws the curves, `learner.history()` has the numbers",
    ),
    (
        &["lr_finder", "find_lr", "lr_range_test", "find_learning_rate", "auto_lr_find"],
        "`learner.lr_find()?` searches for the rate",
    ),
    (&["fit_cycle", "fit_1cycle", "one_cycle", "fit_onecycle"], "`learner.fit_one_cycle(3, 1e-3)?`"),
    (
        &["val", "validation", "score", "accuracy"],
        "`learner.validate()?` measures on the validation examples, `learner.evaluate_on(Part::Test)?` on those held out",
    ),
    (&["test", "evaluate_test", "test_step"], "`learner.evaluate_on(Part::Test)?` measures on what is held out"),
    (
        &["clear_callbacks", "remove_callback", "remove_cb", "remove_cbs", "reset_callbacks"],
        "`learner.remove_callbacks()` takes all away",
    ),
    (
        &["add_callback", "add_cb", "add_cbs", "callbacks", "callback", "cbs"],
        "`learner.add(EarlyStopping::new(\"loss\"))` adds one, `learner.remove_callbacks()` takes all away",
    ),
    (&["add_metric", "add_metrics", "metrics"], "`learner.metric(…)` adds one to those of the task"),
    (&["early_stopping", "early_stop"], "`learner.add(EarlyStopping::new(\"loss\"))`"),
    (
        &["layers", "modules", "named_modules", "children", "blocks", "print_summary", "info"],
        "`learner.summary()?` lists the parts, `learner.network().parts()` has their names",
    ),
    (
        &["freeze_body", "freeze_backbone", "freeze_base", "freeze_layers", "set_trainable"],
        "`learner.freeze()` leaves the head trainable, `learner.freeze_to(n)` and `freeze_matching(\"blocks.*\")` say which parts",
    ),
    (
        &["unfreeze_layers", "unfreeze_all", "unfreeze_body"],
        "`learner.unfreeze()` makes all trainable, `learner.unfreeze_from(\"blocks.5\")?` the parts from one on",
    ),
    (
        &["confusion_matrix_plot", "plot_confusion_matrix", "plot_confusion", "interpret", "interpretation"],
        "`learner.confusion()?` draws it, `learner.top_losses(9)?` shows the worst examples",
    ),
    (&["plot_top_losses", "most_wrong", "worst"], "`learner.top_losses(9)?`"),
    (
        &["tta", "predict_with_tta"],
        "`learner.evaluate_tta(8)?`, and of one picture `learner.predict_tta(\"new.jpg\", 8)?`",
    ),
    (
        &["grad_cam", "gradcam", "explain", "saliency"],
        "`learner.attention(\"new.jpg\")?` shows what speaks for the answer",
    ),
    (&["classification_table", "report"], "`learner.classification_report()?`; `learner.card()?` tells all of a run"),
    (
        &["from_pretrained", "load_pretrained", "pretrained_model"],
        "`Learner::vision(Arch::ResNet18, &data)?` starts from trained weights, `Learner::pretrained(Arch::ResNet18)?` has ImageNet's classes",
    ),
    (
        &["cnn", "vision_learner", "cnn_learner", "image_classifier", "classification", "classifier", "classify"],
        "`Learner::vision(Arch::default(), &data)?`",
    ),
    (&["regressor", "regress"], "`Learner::regression(Arch::default(), &data)?`"),
    (&["multi_label", "multilabel"], "`Learner::labels(Arch::default(), &data)?`"),
    (&["yolo", "object_detection"], "`Learner::detection(Detector::YoloxNano, &data)?`"),
    (&["set_seed", "manual_seed"], "`learner.seed(42)`"),
    (
        &["set_lr", "set_learning_rate", "learning_rate"],
        "a fit is told its rate: `learner.fit(3, 1e-3)?`, by parts `learner.fit(3, 1e-4..1e-3)?`",
    ),
    (&["dls", "dataloaders", "data"], "the data are what it was made with: `learner.set_data(&data)?` gives others"),
];

/// Methods of data sets, and what makes one.
const DATA: Verbs = &[
    (
        &[
            "from_folder",
            "from_directory",
            "flow_from_directory",
            "image_dataset_from_directory",
            "load",
            "read",
            "new",
            "from_path",
        ],
        "`ImageFolder::open(\"photos\")?`, a folder a class; boxes: `Boxes::open(\"photos\")?`",
    ),
    (
        &["from_csv", "from_df", "read_csv", "flow_from_dataframe"],
        "`ImageFolder::csv(\"list.csv\")?`; several labels: `LabelTable::csv`, numbers: `NumberTable::csv`",
    ),
    (
        &["train_test_split", "random_split", "split_by_rand_pct", "random_splitter", "validation_split"],
        "`data.split(0.2, 42)?` keeps a fifth for validation; `.hold_out(0.2, 1)?` before it a test",
    ),
    (
        &["dataloaders", "dataloader", "databunch", "loader", "to_loader"],
        "data are batched by themselves: `data.batch(32)`",
    ),
    (&["bs", "set_batch_size", "with_batch_size"], "`data.batch(32)`"),
    (
        &["fit", "train", "fit_one_cycle", "fine_tune", "predict", "freeze", "unfreeze", "validate", "evaluate"],
        "a learner does that: `let mut learner = Learner::vision(Arch::default(), &data)?;`, then `learner.fit(3, 1e-3)?;`",
    ),
    (
        &["shuffle", "prefetch", "repeat", "num_workers"],
        "training examples are shuffled, and decoded ahead, by themselves; `data.seeded(42)` decides the order",
    ),
    (
        &["cache", "cache_to_disk", "persist"],
        "`data.cache_on_disk()` keeps decoded pictures in files; what fits into memory is kept anyway",
    ),
    (
        &["item_tfms", "batch_tfms", "transforms", "aug_transforms", "augmentations", "augmented", "with_augmentation"],
        "`data.augment(Augment::standard())`",
    ),
    (&["image_size", "img_size", "target_size", "resize_to"], "`data.size(224)`"),
    (&["vocab", "class_names", "labels", "categories"], "`data.classes()`"),
    (&["class_indices", "value_counts", "class_counts"], "`data.counts(Part::Train)`, or all of it: `data.summary()?`"),
    (&["kfold", "k_fold", "cross_validation"], "`data.folds(5, 42)?` gives five data sets"),
    (&["oversample", "weighted_sampler", "resample"], "`data.balanced()` shows each class equally often"),
    (&["show", "plot", "display_batch", "show_images", "visualize"], "`data.show_batch(9)?`"),
    (&["one_batch", "next_batch"], "`data.batches(Part::Train, Order::Given)?.next()`"),
];

/// Methods of tensors.
const TENSOR: Verbs = &[
    (&["view"], "`x.reshape((2, 3))?`"),
    (&["numpy", "tolist", "to_list", "to_numpy"], "`x.to_vec1::<f32>()?`, of two dimensions `to_vec2`"),
    (&["item"], "`x.to_scalar::<f32>()?`"),
    (&["float", "double", "half", "long", "int", "astype", "type_as"], "`x.to_dtype(DType::F32)?`"),
    (&["cuda", "cpu", "to"], "`x.to_device(&Device::Cpu)?`; another type: `x.to_dtype(DType::F32)?`"),
    (&["size", "ndim"], "`x.dims()` are its sizes, `x.rank()` how many"),
    (&["softmax"], "`ops::softmax(&x, 1)?`"),
    (&["sigmoid"], "`ops::sigmoid(&x)?`"),
    (&["mm", "dot", "bmm"], "`x.matmul(&y)?`"),
    (&["clone_detach", "no_grad", "requires_grad_"], "`x.detach()` is cut off from the graph"),
    (&["numel", "nelement"], "`x.elem_count()`"),
    (&["add_", "mul_", "sub_", "zero_", "fill_"], "tensors do not change: `let x = (x + y)?;`"),
];

/// Methods of tables of texts.
const TEXTS: Verbs = &[
    (
        &["from_csv", "read_csv", "load", "from_file"],
        "`TextTable::csv(\"reviews.csv\")?`, `::tsv`, `::jsonl`, or `::open` by the name's ending",
    ),
    (&["classes", "class_names", "labels_list", "vocab"], "`data.names()`"),
    (&["head", "sample", "show"], "`data.show_batch(5)?` shows texts, `data.summary()?` counts them"),
    (
        &["max_length", "truncation", "padding"],
        "the encoder says how much of a text is read: `Bert::minilm()?.max_tokens(128)`",
    ),
    (&["sep", "delimiter", "separator"], "what parts the cells is found by itself"),
    (&["train_test_split", "random_split"], "`data.split(0.2, 42)?`"),
    (&["map", "tokenize"], "a learner cuts the texts into its network's tokens by itself"),
];

/// Methods of encoders of text.
const ENCODER: Verbs = &[
    (
        &["from_pretrained", "load", "new"],
        "`Bert::open(\"folder\")?`, `Bert::hub(\"distilbert-base-uncased\")?`, `Bert::minilm()?`",
    ),
    (&["encode", "embed"], "`Learner::encoder(encoder)?.embed(\"a text\")?`"),
];

/// Functions and types that other libraries have.
const NAMES: Verbs = &[
    (
        &["vision_learner", "cnn_learner", "unet_learner", "create_cnn", "cnn_trainer"],
        "`let mut learner = Learner::vision(Arch::default(), &data)?;`",
    ),
    (&["slice"], "rates from the first parts to the head are a range: `learner.fit_one_cycle(4, 1e-4..1e-3)?`"),
    (&["ImageFolder"], "`let data = ImageFolder::open(\"photos\")?.split(0.2, 42)?;`"),
    (&["load_learner", "load_model"], "`let learner = Learner::open(\"model.safetensors\")?;`"),
    (
        &[
            "ImageDataLoaders",
            "ImageDataBunch",
            "DataBlock",
            "ImageDataGenerator",
            "DataLoader",
            "DataLoaders",
            "image_dataset_from_directory",
        ],
        "`let data = ImageFolder::open(\"photos\")?.split(0.2, 42)?.batch(32);`",
    ),
    (
        &["TensorDataset", "Dataset"],
        "`TensorData::new(inputs, labels, &[\"cat\", \"dog\"])?`, or `impl Data` for a type of your own",
    ),
    (&["YOLO", "FasterRCNN"], "`Learner::detection(Detector::YoloxNano, &data)?`"),
    (
        &["ClassificationInterpretation", "Interpretation"],
        "the learner itself shows them: `learner.confusion()?`, `learner.top_losses(9)?`",
    ),
    (
        &["ModelCheckpoint", "SaveModelCallback", "SaveModel"],
        "`Checkpoints::to(\"runs\")`, or the best epoch's weights: `BestWeights::new(\"loss\")`",
    ),
    (&["EarlyStoppingCallback"], "`EarlyStopping::new(\"loss\")`"),
    (&["CSVLogger", "CsvLogger"], "`CsvLog::to(\"log.csv\")`"),
    (&["SummaryWriter", "TensorBoardCallback"], "`TensorBoard::to(\"runs\")`"),
    (&["ReduceLROnPlateau", "ReduceLrOnPlateau"], "`learner.fit_with(5, 1e-3, Schedule::plateau(2, 0.5))?`"),
    (
        &["CosineAnnealingLR", "OneCycleLR", "StepLR", "LRScheduler", "LearningRateScheduler"],
        "`Schedule::cosine()`, `Schedule::one_cycle()`, `Schedule::step(2, 0.1)` in `learner.fit_with(5, 1e-3, …)?`",
    ),
    (
        &["Adam", "Lamb", "Lion", "RMSprop"],
        "`Optimizer::adamw()`, `sgd(0.9)`, `rmsprop()`, `lamb()`, `lion()` in `learner.optimizer(…)`",
    ),
    (
        &["aug_transforms", "Compose", "RandomHorizontalFlip", "RandomResizedCrop"],
        "`Augment::standard()`, or what you choose: `Augment { rotate: 10.0, ..Augment::default() }`",
    ),
    (
        &["CrossEntropyLoss", "CrossEntropyLossFlat", "BCEWithLogitsLoss", "MSELoss"],
        "the loss comes with the task: `Classify`, `Labels`, `Regress`; in `ops` there are `ops::cross_entropy` and its kin",
    ),
    (
        &["AutoTokenizer", "BertTokenizer", "AutoModel", "BertModel", "AutoModelForSequenceClassification"],
        "`Bert::minilm()?`, `Bert::open(\"folder\")?` are encoders with their tokenizers: `Learner::text(Bert::minilm()?, &data)?`",
    ),
    (
        &["pipeline", "Trainer", "TrainingArguments", "SentenceTransformer"],
        "`let mut learner = Learner::text(Bert::minilm()?, &data)?;`, then `learner.fit(2, 5e-5)?`; to compare texts `Learner::encoder(Bert::minilm()?)?`",
    ),
    (&["load_dataset"], "`let data = TextTable::open(\"reviews.csv\")?.split(0.2, 42)?;`"),
    (
        &["get_peft_model", "LoraConfig", "PeftModel", "LoraModel"],
        "`learner.lora(Lora::rank(8).alpha(16.0))?`; a folder of PEFT's is read by `learner.load_adapter(\"folder\")?`",
    ),
    (&["no_grad", "set_grad_enabled"], "`predict` and `validate` keep no gradients; `tensor.detach()` cuts one off"),
    (
        &["resnet18", "ResNet18", "resnet34", "resnet50", "efficientnet_b0", "mobilenet_v2", "vgg16", "vit_tiny"],
        "architectures are `Arch::ResNet18` and the like: `Learner::vision(Arch::ResNet18, &data)?`",
    ),
];

/// What is asked of a measurement.
const EVALUATION: Verbs = &[
    (
        &["accuracy", "acc", "loss", "f1", "precision", "recall", "score", "map", "auc", "metrics", "get"],
        "the numbers stand by their names: `learner.validate()?.all.get(\"accuracy\")?`; by class in `.classes`; as a cell's value it is a table",
    ),
    (
        &["confusion", "confusion_matrix", "plot", "show"],
        "`learner.confusion()?` draws it, `learner.classification_report()?` has precision, recall and F1 of each class",
    ),
];

fn find(verbs: Verbs, name: &str) -> Option<&'static str> {
    verbs.iter().find(|(names, _)| names.contains(&name)).map(|(_, help)| *help)
}

/// The bare name of a type: `&mut candlewick_prelude::train::Learner` is a `Learner`.
fn bare(kind: &str) -> &str {
    let kind = kind.trim_start_matches('&').trim_start_matches("mut ");
    kind.split('<').next().unwrap_or(kind).rsplit("::").next().unwrap_or(kind)
}

/// Puts what it is called here before the compiler's own advice.
pub fn adapt(report: &mut Report<'_>) {
    let mut quoted = report.message.split('`').skip(1).step_by(2);
    let Some(name) = quoted.next() else { return };
    let help = match report.code.as_deref() {
        Some("E0599" | "E0609" | "E0610") => match quoted.next().map(bare) {
            Some("Learner") => find(LEARNER, name),
            Some("ImageFolder" | "Boxes" | "LabelTable" | "NumberTable" | "TensorData") => find(DATA, name),
            Some("TextTable") => find(TEXTS, name),
            Some("Bert") => find(ENCODER, name),
            Some("Tensor") => find(TENSOR, name),
            Some("Evaluation") => find(EVALUATION, name),
            _ => None,
        },
        Some("E0425" | "E0412" | "E0422" | "E0433" | "E0423" | "E0432") => find(NAMES, name),
        _ => None,
    };
    if let Some(help) = help {
        // a name that only looks alike leads astray
        report.advice.retain(|(_, text)| !text.contains("similar name") && !text.contains("associated function:"));
        report.advice.insert(0, ("help".to_owned(), help.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, message: &str) -> Option<String> {
        let similar = ("help".to_owned(), "there is a method `clip` with a similar name".to_owned());
        let mut report = Report {
            code: Some(code.to_owned()),
            message: message.to_owned(),
            advice: vec![similar],
            ..Report::default()
        };
        adapt(&mut report);
        let first = report.advice.first().map(|(_, text)| text.clone());
        first.filter(|text| !text.contains("similar name"))
    }

    #[test]
    fn other_libraries_verbs_are_told_in_ours() {
        for (name, kind, help) in [
            ("to_onnx", "struct `Learner`", "`learner.export_onnx("),
            ("export", "mutable reference `&mut candlewick_prelude::train::Learner`", "`learner.save("),
            ("fit_generator", "struct `Learner`", "`learner.fit(3, 1e-3)?`"),
            ("load_state_dict", "reference `&Learner`", "`learner.load("),
            ("state_dict", "struct `Learner`", "`learner.network().params()"),
            ("eval", "struct `Learner`", "no mode to set"),
            ("train", "struct `Learner`", "`learner.fit("),
            ("to", "struct `Learner`", "`CANDLEWICK_DEVICE=cpu`"),
            ("compile", "struct `Learner`", "`learner.optimizer("),
            ("parameters", "struct `Learner`", "by name"),
            ("get_preds", "struct `Learner`", "`learner.predict_all("),
            ("recorder", "struct `Learner`", "`learner.plot_losses()?`"),
            ("from_folder", "struct `ImageFolder`", "`ImageFolder::open("),
            ("train_test_split", "struct `Boxes`", "`data.split("),
            ("cache", "struct `LabelTable`", "`data.cache_on_disk()`"),
            ("view", "struct `candle_core::Tensor`", "`x.reshape("),
            ("item", "reference `&Tensor`", "`x.to_scalar"),
            ("from_csv", "struct `TextTable`", "`TextTable::csv("),
            ("from_pretrained", "struct `Bert`", "`Bert::open("),
            ("print_trainable_parameters", "reference `&Learner`", "`learner.summary()?`"),
        ] {
            let message = format!("no method named `{name}` found for {kind} in the current scope");
            let told = told("E0599", &message).unwrap_or_else(|| panic!("{name} is known"));
            assert!(told.contains(help), "{name}: {told}");
        }
        let made =
            "no function or associated item named `from_pretrained` found for struct `Learner` in the current scope";
        assert!(told("E0599", made).is_some_and(|told| told.contains("`Learner::pretrained(")));
        assert!(
            told("E0609", "no field `recorder` on type `Learner`").is_some_and(|told| told.contains("plot_losses"))
        );
        assert!(
            told("E0425", "cannot find function `vision_learner` in this scope")
                .is_some_and(|told| told.contains("`let mut learner"))
        );
        assert!(
            told("E0425", "cannot find function `get_peft_model` in this scope")
                .is_some_and(|told| told.contains("`learner.lora("))
        );
        assert!(
            told("E0433", "cannot find type `ImageDataLoaders` in this scope")
                .is_some_and(|told| told.contains("ImageFolder::open"))
        );
    }

    #[test]
    fn names_that_nobody_means_so_are_left_to_the_compiler() {
        for (code, message) in [
            ("E0599", "no method named `eval` found for struct `Mine` in the current scope"),
            ("E0599", "no method named `frobnicate` found for struct `Learner` in the current scope"),
            ("E0308", "mismatched types `train` `Learner`"),
            ("E0425", "cannot find value `x` in this scope"),
        ] {
            assert_eq!(told(code, message), None, "{message}");
        }
    }

    /// A remedy is for a name of one meaning.
    #[test]
    fn each_name_stands_once() {
        for verbs in [LEARNER, DATA, TENSOR, TEXTS, ENCODER, NAMES] {
            let mut names: Vec<&str> = verbs.iter().flat_map(|(names, _)| names.iter().copied()).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
