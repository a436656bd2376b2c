//! One seed and one number of threads give one result, to the last bit, whichever thread is done first.

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{self, Device, Tensor, Var};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Arch, HeadMaker, Network};
use candlewick_prelude::ops::{self, Activation, Conv2dOptions, backward_from};

type Operation = (&'static str, Vec<Tensor>, fn(&[Tensor]) -> candle_core::Result<Tensor>);

fn normal(shape: &[usize]) -> Tensor {
    Tensor::randn(0f32, 1f32, shape, &Device::Cpu).expect("random numbers")
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let numbers: Vec<f32> = tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("numbers");
    numbers.into_iter().map(f32::to_bits).collect()
}

fn operations() -> Vec<Operation> {
    vec![
        ("layer_norm", vec![normal(&[2048, 192]), normal(&[192]), normal(&[192])], |x| {
            ops::layer_norm(&x[0], &x[1], &x[2], 1e-6)
        }),
        ("attention", vec![normal(&[8, 65, 576])], |x| ops::attention(&x[0], 3)),
        ("linear", vec![normal(&[1024, 192]), normal(&[384, 192]), normal(&[384])], |x| {
            ops::linear(&x[0], &x[1], Some(&x[2]))
        }),
        ("convolution", vec![normal(&[16, 24, 20, 20]), normal(&[32, 24, 3, 3]), normal(&[32])], |x| {
            ops::conv2d(&x[0], &x[1], Some(&x[2]), Conv2dOptions { padding: (1, 1), ..Conv2dOptions::default() })
        }),
        ("strided", vec![normal(&[16, 8, 33, 33]), normal(&[16, 8, 5, 5])], |x| {
            ops::conv2d(&x[0], &x[1], None, Conv2dOptions { stride: (2, 2), ..Conv2dOptions::default() })
        }),
        ("depthwise", vec![normal(&[16, 48, 20, 20]), normal(&[48, 1, 3, 3])], |x| {
            let options = Conv2dOptions { padding: (1, 1), groups: 48, ..Conv2dOptions::default() };
            ops::conv2d(&x[0], &x[1], None, options)
        }),
        ("batch_norm", vec![normal(&[16, 32, 20, 20]), normal(&[32]), normal(&[32])], |x| {
            Ok(ops::batch_norm_train_then(&x[0], &x[1], &x[2], 1e-5, Activation::Relu)?.0)
        }),
    ]
}

#[test]
fn operations_and_their_gradients_are_the_same_each_time() -> Result<()> {
    let operations = operations();
    for threads in [2, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        for (name, inputs, operation) in &operations {
            let once = || -> candle_core::Result<Vec<Vec<u32>>> {
                let variables = inputs.iter().map(Var::from_tensor).collect::<candle_core::Result<Vec<_>>>()?;
                let arguments: Vec<Tensor> = variables.iter().map(|one| one.as_tensor().clone()).collect();
                let y = operation(&arguments)?;
                let grads = backward_from(&y, &y.detach())?;
                let grads = variables.iter().map(|one| bits(grads.get(one).expect("a gradient")));
                Ok([bits(&y)].into_iter().chain(grads).collect())
            };
            let first = pool.install(once)?;
            for round in 0..20 {
                assert!(pool.install(once)? == first, "{name} with {threads} threads, round {round}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_vision_transformer_is_the_same_each_time() -> Result<()> {
    let network = Network::new(Arch::VitTiny, HeadMaker::classes(3), &Device::Cpu, 7)?;
    let images = normal(&[4, 3, 64, 64]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let once = || -> Result<Vec<Vec<u32>>> {
        let said = network.forward(&images, &Pass::train(3))?;
        let y = said.get("logits")?;
        let store = backward_from(y, &y.detach())?;
        let grads = network.params().trainable();
        Ok(grads.iter().filter_map(|param| Some(bits(store.get(param.var())?))).collect())
    };
    let first = pool.install(once)?;
    for round in 0..5 {
        assert!(pool.install(once)? == first, "round {round}");
    }
    Ok(())
}

/// Another number of threads changes the last bits of the gradients that sum over a whole batch in parts, one a thread: of a
/// convolution's weight, and of LayerNorm's scale and offset. Everything else, and so every answer, is the same.
#[test]
fn another_number_of_threads_changes_these_gradients_alone() -> Result<()> {
    let wide = (
        "winograd",
        vec![normal(&[8, 64, 16, 16]), normal(&[64, 64, 3, 3])],
        (|x: &[Tensor]| ops::conv2d(&x[0], &x[1], None, Conv2dOptions { padding: (1, 1), ..Conv2dOptions::default() }))
            as fn(&[Tensor]) -> candle_core::Result<Tensor>,
    );
    let by_parts: &[(&str, &[usize])] =
        &[("layer_norm", &[1, 2]), ("convolution", &[1]), ("strided", &[1]), ("winograd", &[1])];
    for (name, inputs, operation) in operations().iter().chain([&wide]) {
        let run = |threads: usize| -> Result<Vec<Vec<u32>>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            Ok(pool.install(|| -> candle_core::Result<Vec<Vec<u32>>> {
                let variables = inputs.iter().map(Var::from_tensor).collect::<candle_core::Result<Vec<_>>>()?;
                let arguments: Vec<Tensor> = variables.iter().map(|one| one.as_tensor().clone()).collect();
                let y = operation(&arguments)?;
                let grads = backward_from(&y, &y.detach())?;
                let grads = variables.iter().map(|one| bits(grads.get(one).expect("a gradient")));
                Ok([bits(&y)].into_iter().chain(grads).collect())
            })?)
        };
        let sums = by_parts.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, inputs)| inputs);
        let one = run(1)?;
        for threads in [2, 3, 4, 8] {
            for (at, (found, expected)) in run(threads)?.iter().zip(&one).enumerate() {
                let may_differ = at > 0 && sums.contains(&(at - 1));
                assert!(may_differ || found == expected, "{name} with {threads} threads, number {at}");
            }
        }
    }
    Ok(())
}
