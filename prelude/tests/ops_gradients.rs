//! Gradients of the operations against central differences in f64, at random shapes and options.

use candlewick_prelude::candle_core::{DType, Device, Result, Tensor, Var};
use candlewick_prelude::ops::*;
use proptest::prelude::*;

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

/// Compares the gradient of Σ weight · operation with differences, at a few places of every input.
fn check(inputs: &[Tensor], operation: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
    check_by(STEP, inputs, operation)
}

fn check_by(step: f64, inputs: &[Tensor], operation: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
    let variables = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let arguments: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
    let out = operation(&arguments)?;
    let weight = out.detach().randn_like(0., 1.)?;
    let grads = backward_from(&out, &weight)?;
    let value = |inputs: &[Tensor]| -> Result<f64> { (operation(inputs)? * &weight)?.sum_all()?.to_scalar::<f64>() };
    for (which, variable) in variables.iter().enumerate() {
        let grad: Vec<f64> = grads.get(variable).expect("a gradient for each input").flatten_all()?.to_vec1()?;
        let numbers: Vec<f64> = inputs[which].flatten_all()?.to_vec1()?;
        assert_eq!(grad.len(), numbers.len());
        for at in (0..numbers.len()).step_by(numbers.len().div_ceil(12)) {
            let shifted = |by: f64| -> Result<f64> {
                let mut numbers = numbers.clone();
                numbers[at] += by;
                let mut inputs: Vec<Tensor> = inputs.to_vec();
                inputs[which] = Tensor::from_vec(numbers, inputs[which].shape(), &Device::Cpu)?;
                value(&inputs)
            };
            let slope = (shifted(step)? - shifted(-step)?) / (2. * step);
            let distance = (slope - grad[at]).abs() / slope.abs().max(1.);
            assert!(
                distance < TOLERANCE,
                "input {which}, place {at}: by differences {slope}, by backward {}",
                grad[at]
            );
        }
    }
    Ok(())
}

fn normal(shape: &[usize]) -> Tensor {
    Tensor::randn(0f64, 1f64, shape, &Device::Cpu).expect("random numbers")
}

/// Numbers so far apart that a step never changes which one is the largest, nor crosses a bend at a multiple of ½.
fn apart(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let numbers: Vec<f64> =
        (0..count).map(|i| ((i * 7919) % count) as f64 * 0.37 + 0.113 - count as f64 * 0.1).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).expect("numbers")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn linear_with_an_adapter((n, i, o, r) in (1usize..6, 1usize..9, 1usize..9, 1usize..5), share in 0.0f64..0.8, seed in 0u64..99) {
        let (w, bias) = (normal(&[o, i]), normal(&[o]));
        let inputs = [normal(&[n, 2, i]), normal(&[r, i]), normal(&[o, r])];
        for noise in [None, Some((share, seed))] {
            check(&inputs, |a| lora_linear(&a[0], (&w, Some(&bias)), [&a[1], &a[2]], 0.7, noise)).unwrap();
        }
        check(&inputs, |a| lora_linear(&a[0], (&w, None), [&a[1], &a[2]], 2.0, None)).unwrap();
    }

    #[test]
    fn convolution(
        (n, groups, cg, og) in (1usize..4, 1usize..4, 1usize..4, 1usize..4),
        (h, w, kh, kw) in (1usize..11, 1usize..11, 1usize..5, 1usize..5),
        stride in (1usize..4, 1usize..4), padding in (0usize..4, 0usize..4), dilation in (1usize..3, 1usize..3),
        extra in (0usize..2, 0usize..2),
    ) {
        prop_assume!(h + 2 * padding.0 > dilation.0 * (kh - 1) && w + 2 * padding.1 > dilation.1 * (kw - 1));
        let options = Conv2dOptions { stride, padding, extra, dilation, groups };
        let inputs = [normal(&[n, groups * cg, h, w]), normal(&[groups * og, cg, kh, kw]), normal(&[groups * og])];
        check(&inputs, |a| conv2d(&a[0], &a[1], Some(&a[2]), options)).unwrap();
        check(&inputs[..2], |a| conv2d(&a[0], &a[1], None, options)).unwrap();
    }

    #[test]
    fn three_by_three((n, c, o, h, w) in (1usize..3, 1usize..20, 1usize..20, 1usize..18, 1usize..18), pad in 0usize..3) {
        prop_assume!(h + 2 * pad >= 3 && w + 2 * pad >= 3);
        let options = Conv2dOptions { padding: (pad, pad), ..Conv2dOptions::default() };
        let inputs = [normal(&[n, c, h, w]), normal(&[o, c, 3, 3])];
        check(&inputs, |a| conv2d(&a[0], &a[1], None, options)).unwrap();
    }

    #[test]
    fn depthwise(
        (n, c, h, w, k) in (1usize..4, 2usize..9, 1usize..14, 1usize..14, 1usize..6),
        stride in (1usize..4, 1usize..4), dilation in (1usize..3, 1usize..3), many in 1usize..3,
        extra in (0usize..2, 0usize..2),
    ) {
        let padding = (dilation.0 * (k - 1) / 2, dilation.1 * (k - 1) / 2);
        prop_assume!(h + 2 * padding.0 > dilation.0 * (k - 1) && w + 2 * padding.1 > dilation.1 * (k - 1));
        let options = Conv2dOptions { stride, padding, extra, dilation, groups: c };
        let inputs = [normal(&[n, c, h, w]), normal(&[c * many, 1, k, k])];
        check(&inputs, |a| conv2d(&a[0], &a[1], None, options)).unwrap();
    }

    #[test]
    fn pooling(
        (n, c, h, w) in (1usize..3, 1usize..4, 2usize..13, 2usize..13),
        (kernel, stride) in ((1usize..5, 1usize..5), (1usize..4, 1usize..4)), full in any::<bool>(),
        out in (1usize..6, 1usize..6),
    ) {
        let padding = (kernel.0 / 2, kernel.1 / 2);
        prop_assume!(h + 2 * padding.0 >= kernel.0 && w + 2 * padding.1 >= kernel.1);
        let x = [apart(&[n, c, h, w])];
        check(&x, |a| max_pool2d(&a[0], kernel, stride, (padding.0.min(kernel.0 - 1), padding.1.min(kernel.1 - 1)))).unwrap();
        let inside = (padding.0.min(kernel.0 - 1), padding.1.min(kernel.1 - 1));
        check(&x, |a| avg_pool2d(&a[0], kernel, stride, inside, full)).unwrap();
        check(&x, |a| adaptive_avg_pool2d(&a[0], out)).unwrap();
    }

    #[test]
    fn normalisation((n, c, h, w) in (2usize..5, 1usize..6, 1usize..6, 1usize..9), groups in 1usize..4) {
        let affine = |c: usize| [normal(&[c]), normal(&[c])];
        let [gamma, beta] = affine(c);
        let x = normal(&[n, c, h, w]);
        check(&[x.clone(), gamma.clone(), beta.clone()], |a| Ok(batch_norm_train(&a[0], &a[1], &a[2], 1e-3)?.0)).unwrap();
        let (mean, var) = (normal(&[c]), normal(&[c]).sqr().unwrap());
        check(&[x, gamma, beta], |a| batch_norm_eval(&a[0], &mean, &var, &a[1], &a[2], 1e-3)).unwrap();
        let [gamma, beta] = affine(w + 1);
        check(&[normal(&[n, c, w + 1]), gamma, beta], |a| layer_norm(&a[0], &a[1], &a[2], 1e-3)).unwrap();
        let [gamma, beta] = affine(groups * c);
        check(&[normal(&[n, groups * c, h + 1, w]), gamma, beta], |a| group_norm(&a[0], groups, &a[1], &a[2], 1e-3)).unwrap();
    }

    #[test]
    fn normalisation_with_an_activation((n, c, h, w) in (2usize..5, 1usize..6, 1usize..6, 1usize..9)) {
        let (x, gamma, beta) = (normal(&[n, c, h, w]), normal(&[c]), normal(&[c]));
        let (mean, var) = (normal(&[c]), normal(&[c]).sqr().unwrap());
        for then in [Activation::Identity, Activation::Silu, Activation::Gelu] {
            let inputs = [x.clone(), gamma.clone(), beta.clone()];
            check(&inputs, |a| Ok(batch_norm_train_then(&a[0], &a[1], &a[2], 1e-3, then)?.0)).unwrap();
            check(&inputs, |a| batch_norm_eval_then(&a[0], [&mean, &var, &a[1], &a[2]], 1e-3, then)).unwrap();
        }
    }

    // Differences run in one, gradients one after the other: they must agree, and so must the values.
    #[test]
    fn convolution_and_stored_statistics_in_one(
        (n, groups, cg, og) in (1usize..4, 1usize..4, 1usize..4, 1usize..4), (h, w, k) in (1usize..11, 1usize..11, 1usize..4),
        stride in (1usize..3, 1usize..3), biased in any::<bool>(),
    ) {
        let options = Conv2dOptions { stride, padding: (k / 2, k / 2), groups, ..Conv2dOptions::default() };
        prop_assume!(h + 2 * (k / 2) >= k && w + 2 * (k / 2) >= k);
        let inputs = [normal(&[n, groups * cg, h, w]), normal(&[groups * og, cg, k, k])];
        in_one(&inputs, options, biased, Activation::Silu).unwrap();
    }

    #[test]
    fn transformers((n, t, heads, depth) in (1usize..4, 1usize..9, 1usize..4, 1usize..6), to in (1usize..6, 1usize..6)) {
        check(&[normal(&[n, t, 3 * heads * depth])], |a| attention(&a[0], heads)).unwrap();
        check(&[normal(&[n, t, depth])], |a| token(&a[0], t / 2)).unwrap();
        let inputs = [normal(&[n, depth, t, 2]), normal(&[1, 1, depth]), normal(&[1, 1 + 2 * t, depth])];
        check(&inputs, |a| tokens(&a[0], &a[1], &a[2])).unwrap();
        check(&inputs[2..], |a| fit_places(&a[0], (t, 2), to)).unwrap();
    }

    #[test]
    fn texts_without_padding(
        lengths in prop::collection::vec(0u32..6, 1..4), (heads, depth) in (1usize..4, 1usize..5), seed in any::<u64>(),
    ) {
        let rows = lengths.iter().sum::<u32>() as usize;
        prop_assume!(rows > 0);
        let width = heads * depth;
        let inputs = [normal(&[rows, width]), normal(&[rows, width]), normal(&[rows, width])];
        let lengths = Tensor::new(lengths, &Device::Cpu).unwrap();
        for dropout in [(0., 0), (0.4, seed)] {
            check(&inputs, |a| attention_packed(&a[0], &a[1], &a[2], &lengths, heads, dropout)).unwrap();
            // of texts that have tokens the first ones
            let own = lengths.to_vec1::<u32>().unwrap();
            if own.iter().all(|length| *length > 0) {
                let inputs = [normal(&[own.len(), width]), inputs[1].clone(), inputs[2].clone()];
                check(&inputs, |a| attention_first(&a[0], &a[1], &a[2], &lengths, heads, dropout)).unwrap();
            }
        }
        check(&inputs[..1], |a| mean_packed(&a[0], &lengths)).unwrap();
    }

    #[test]
    fn joins((n, c, h, w) in (1usize..4, 1usize..6, 1usize..6, 1usize..40)) {
        check(&[normal(&[n, c, h, w]), normal(&[n, c, 1, 1])], |a| gate(&a[0], &a[1])).unwrap();
        // sums that lie at least 0.1 from the bend
        let (a, b) = (apart(&[n, c, h, w]), Tensor::zeros((n, c, h, w), DType::F64, &Device::Cpu).unwrap());
        check(&[a, b], |a| add_relu(&a[0], &a[1])).unwrap();
        check(&[normal(&[n, c, h, w])], |a| reshape(&a[0], (n * c, h * w))).unwrap();
    }

    #[test]
    fn elementwise(shape in (1usize..5, 1usize..40)) {
        let x = [normal(&[shape.0, shape.1])];
        for function in [sigmoid, silu, gelu, gelu_tanh, tanh] {
            check(&x, |a| function(&a[0])).unwrap();
        }
        let x = [apart(&[shape.0, shape.1])];
        for function in [relu, relu6, hard_swish] {
            check(&x, |a| function(&a[0])).unwrap();
        }
        check(&x, |a| dropout(&a[0], 0.4, true, 5)).unwrap();
        check(&x, |a| drop_path(&a[0], 0.4, true, 5)).unwrap();
        check(&x, |a| scale(&a[0], 2.5)).unwrap();
        let two = [normal(&[shape.0, shape.1]), normal(&[shape.0, shape.1])];
        check(&two, |a| add(&a[0], &a[1])).unwrap();
        check(&two, |a| add_dropout(&a[0], &a[1], 0.4, true, 5)).unwrap();
        check(&two[..1], |a| softmax(&a[0], 1)).unwrap();
        check(&two[..1], |a| log_softmax(&a[0], 0)).unwrap();
    }

    #[test]
    fn losses((n, c) in (1usize..6, 2usize..9), smoothing in 0f64..0.5, beta in 0.2f64..2.) {
        let targets = Tensor::new((0..n).map(|i| ((i * 5) % c) as u32).collect::<Vec<_>>(), &Device::Cpu).unwrap();
        let weights = normal(&[c]).sqr().unwrap();
        let options = CrossEntropy { label_smoothing: smoothing, class_weights: Some(weights), focus: 0.0 };
        let x = normal(&[n, c]);
        check(std::slice::from_ref(&x), |a| cross_entropy(&a[0], &targets, &options)).unwrap();
        check(&[x.clone(), normal(&[n, c])], |a| smooth_l1(&a[0], &a[1], beta)).unwrap();
        let share = sigmoid(&normal(&[n, c])).unwrap();
        check(&[x], |a| bce_with_logits(&a[0], &share)).unwrap();
    }

    #[test]
    fn maps_and_resizing(
        (n, i, o) in (1usize..6, 1usize..7, 1usize..7), size in (1usize..8, 1usize..8), out in (1usize..12, 1usize..12),
    ) {
        check(&[normal(&[2, n, i]), normal(&[o, i]), normal(&[o])], |a| linear(&a[0], &a[1], Some(&a[2]))).unwrap();
        let index = Tensor::new((0..8).map(|k| (k * 3 % n) as u32).collect::<Vec<_>>(), &Device::Cpu).unwrap();
        check(&[normal(&[n, i])], |a| embedding(&a[0], &index)).unwrap();
        let x = [normal(&[n, i, size.0, size.1])];
        check(&x, |a| upsample_nearest2d(&a[0], out)).unwrap();
        check(&x, |a| upsample_bilinear2d(&a[0], out, false)).unwrap();
        check(&x, |a| upsample_bilinear2d(&a[0], out, true)).unwrap();
    }
}

/// Convolution, stored statistics and an activation in one against one after the other; and its gradients, where the
/// numbers are so few that differences say anything.
fn in_one(inputs: &[Tensor; 2], options: Conv2dOptions, biased: bool, then: Activation) -> Result<()> {
    let o = inputs[1].dims()[0];
    let [mean, gamma, beta, bias] = [normal(&[o]), normal(&[o]), normal(&[o]), normal(&[o])];
    let var = normal(&[o]).sqr()?;
    let bias = biased.then_some(&bias);
    let operation = |x: &Tensor, w: &Tensor, gamma: &Tensor, beta: &Tensor| {
        conv2d_norm_eval_then(x, w, bias, options, [&mean, &var, gamma, beta], 1e-3, then)
    };
    let found = operation(&inputs[0], &inputs[1], &gamma, &beta)?;
    assert!(!found.track_op());
    let plain = conv2d(&inputs[0], &inputs[1], bias, options)?;
    let expected = batch_norm_eval_then(&plain, [&mean, &var, &gamma, &beta], 1e-3, then)?;
    let distance = (found - &expected)?.abs()?.max_all()?.to_scalar::<f64>()?;
    assert!(distance < 1e-9, "{distance}");
    if inputs[0].elem_count() > 10_000 {
        return Ok(());
    }
    check(&[inputs[0].clone(), inputs[1].clone(), gamma.clone(), beta.clone()], |a| {
        operation(&a[0], &a[1], &a[2], &a[3])
    })
}

#[test]
fn every_way_of_a_convolution_ends_with_the_statistics() -> Result<()> {
    let same = Conv2dOptions { padding: (1, 1), ..Conv2dOptions::default() };
    for (x, w, options) in [
        ([2, 64, 33, 18], [65, 64, 3, 3], same),                  // Winograd's tiles
        ([2, 3, 70, 70], [5, 3, 3, 3], same),                     // parts of a picture
        ([9, 40, 7, 7], [6, 40, 1, 1], Conv2dOptions::default()), // runs of pictures
        ([2, 6, 9, 9], [12, 1, 3, 3], Conv2dOptions { groups: 6, ..same }),
    ] {
        in_one(&[normal(&x), normal(&w)], options, true, Activation::Gelu)?;
        in_one(&[normal(&x), normal(&w)], options, false, Activation::Identity)?;
    }
    Ok(())
}

/// Enough channels and pixels that 3×3 windows go by Winograd's tiles. The step is long, since a sum of so many numbers is
/// rounded and a convolution has no bends.
#[test]
fn winograd_tiles() -> Result<()> {
    let options = Conv2dOptions { padding: (1, 0), ..Conv2dOptions::default() };
    check_by(1e-2, &[normal(&[4, 96, 15, 18]), normal(&[97, 96, 3, 3])], |a| conv2d(&a[0], &a[1], None, options))
}

/// What lies in memory in another order gives the same numbers.
#[test]
fn any_memory_layout() -> Result<()> {
    let straight = normal(&[2, 5, 7, 6]);
    let turned = straight.transpose(2, 3)?.contiguous()?.transpose(2, 3)?;
    assert!(!turned.is_contiguous());
    let w = normal(&[4, 5, 3, 3]);
    let (a, b) =
        (conv2d(&straight, &w, None, Conv2dOptions::default())?, conv2d(&turned, &w, None, Conv2dOptions::default())?);
    assert_eq!(a.flatten_all()?.to_vec1::<f64>()?, b.flatten_all()?.to_vec1::<f64>()?);
    let narrow = straight.narrow(1, 1, 3)?;
    let copied = narrow.copy()?;
    let (a, b) = (max_pool2d(&narrow, (2, 2), (2, 2), (0, 0))?, max_pool2d(&copied, (2, 2), (2, 2), (0, 0))?);
    assert_eq!(a.flatten_all()?.to_vec1::<f64>()?, b.flatten_all()?.to_vec1::<f64>()?);
    Ok(())
}

/// A frozen operand enters detached, and no gradient is computed for it.
#[test]
fn frozen_operands_get_nothing() -> Result<()> {
    let (x, w) = (Var::from_tensor(&normal(&[1, 2, 5, 5]))?, Var::from_tensor(&normal(&[3, 2, 3, 3]))?);
    let y = conv2d(&x.detach(), &w, None, Conv2dOptions::default())?.sum_all()?;
    let grads = y.backward()?;
    assert!(grads.get(&w).is_some() && grads.get(&x).is_none());
    let y = conv2d(&x, &w.detach(), None, Conv2dOptions::default())?.sum_all()?;
    let grads = y.backward()?;
    assert!(grads.get(&w).is_none() && grads.get(&x).is_some());
    Ok(())
}

/// Gradients of a tensor that is used twice add up, through a graph of ours and through a mixed one.
#[test]
fn two_branches_add_up() -> Result<()> {
    let x = Var::from_tensor(&normal(&[2, 3, 4, 4]))?;
    let up = upsample_nearest2d(&x, (8, 8))?;
    let ours = add(&relu(&up)?, &sigmoid(&up)?)?;
    let seed = ours.detach().randn_like(0., 1.)?;
    let a = backward_from(&ours, &seed)?;
    let mixed = (relu(&up)? + sigmoid(&up)?)?;
    let b = backward_from(&mixed, &seed)?;
    let distance = (a.get(&x).expect("a gradient") - b.get(&x).expect("a gradient"))?.abs()?.max_all()?;
    assert!(distance.to_scalar::<f64>()? < 1e-12);
    Ok(())
}

#[test]
fn wrong_shapes_are_named() {
    let x = normal(&[1, 4, 5, 5]);
    let message = |result: Result<Tensor>| result.expect_err("an error").to_string();
    assert!(
        message(conv2d(&x, &normal(&[2, 3, 3, 3]), None, Conv2dOptions::default())).contains("do not fit an input")
    );
    assert!(
        message(conv2d(&x, &normal(&[2, 4, 7, 7]), None, Conv2dOptions::default())).contains("does not fit into 5×5")
    );
    assert!(message(max_pool2d(&x, (2, 2), (0, 1), (0, 0))).contains("at least 1"));
    assert!(message(batch_norm_eval(&x, &x, &x, &x, &x, 0.)).contains("expected parameters of 4 numbers"));
    let targets = Tensor::new(&[9u32], &Device::Cpu).expect("a tensor");
    let logits = normal(&[1, 4]);
    assert!(message(cross_entropy(&logits, &targets, &CrossEntropy::default())).contains("targets below 4"));
    for label_smoothing in [2., -0.1, f64::NAN] {
        let (options, targets) =
            (CrossEntropy { label_smoothing, class_weights: None, focus: 0.0 }, Tensor::zeros_like(&targets));
        let says = message(cross_entropy(&logits, &targets.expect("a tensor"), &options));
        assert!(says.contains(&format!("a label smoothing from 0 to 1, found {label_smoothing}")), "{says}");
    }
    assert!(message(dropout(&x, 1., true, 0)).contains("below 1"));
}

/// Each text by itself, as `attention` has it, and what dropout leaves out: the share that was asked for, one pattern a seed.
#[test]
fn packed_texts_are_texts_by_themselves() -> Result<()> {
    let (heads, depth, lengths) = (3, 4, [5usize, 1, 17]);
    let (width, rows) = (heads * depth, lengths.iter().sum::<usize>());
    let parts = [normal(&[rows, width]), normal(&[rows, width]), normal(&[rows, width])];
    let [q, k, v] = &parts;
    let each = Tensor::new(lengths.map(|length| length as u32).as_slice(), &Device::Cpu)?;
    let packed = attention_packed(q, k, v, &each, heads, (0., 0))?;
    let mut start = 0;
    for length in lengths {
        let own = Tensor::cat(&parts.each_ref().map(|part| part.narrow(0, start, length).expect("rows")), 1)?;
        let expected = attention(&own.unsqueeze(0)?, heads)?.squeeze(0)?;
        let far = (packed.narrow(0, start, length)? - expected)?.abs()?.max_all()?.to_scalar::<f64>()?;
        assert!(far < 1e-12, "{far}");
        start += length;
    }
    let first = Tensor::new(&[0u32, 5, 6], &Device::Cpu)?;
    let alone = attention_first(&q.index_select(&first, 0)?, k, v, &each, heads, (0., 0))?;
    let far = (alone - packed.index_select(&first, 0)?)?.abs()?.max_all()?.to_scalar::<f64>()?;
    assert!(far < 1e-12, "{far}");
    let none = Tensor::new(&[5u32, 18, 0], &Device::Cpu)?;
    let says = attention_first(&q.narrow(0, 0, 3)?, k, v, &none, heads, (0., 0)).unwrap_err().to_string();
    assert!(says.contains("expected 3 examples of 1 token or more"), "{says}");
    assert!(attention_first(&q.narrow(0, 0, 2)?, k, v, &each, heads, (0., 0)).is_err());
    // of equal shares and values of one, what is left of a row is told by its sum
    let (long, zeros) = (256, Tensor::zeros((256, 8), DType::F64, &Device::Cpu)?);
    let each = Tensor::new(&[long as u32], &Device::Cpu)?;
    let left = |seed| attention_packed(&zeros, &zeros, &zeros.ones_like()?, &each, 8, (0.1, seed))?.to_vec2::<f64>();
    let (once, again, other) = (left(7)?, left(7)?, left(8)?);
    assert_eq!(once, again);
    assert_ne!(once, other);
    let sums = once.concat();
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / sums.len() as f64;
    // each row is a mean of 256 numbers that are 0 with 0.1 and 1 / 0.9 else: of variance 1/9 each
    assert!((mean - 1.).abs() < 2e-3 && (variance * 256. * 9. - 1.).abs() < 0.15, "{mean} {variance}");
    for share in [-0.1, 1.0, f64::NAN] {
        assert!(attention_packed(q, k, v, &Tensor::new(&[23u32], &Device::Cpu)?, heads, (share, 0)).is_err());
    }
    let wrong = attention_packed(q, k, v, &Tensor::new(&[22u32], &Device::Cpu)?, heads, (0., 0)).unwrap_err();
    assert!(wrong.to_string().contains("the lengths of 1 examples come to 22 rows, found 23"), "{wrong}");
    Ok(())
}
