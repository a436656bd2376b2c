//! The gradients of candle 0.11.1 that are wrong, missing or silent, each pinned: when one of these fails, candle was
//! mended, and an operation of ours may no longer be needed.

use candlewick_prelude::candle_core::{D, DType, Device, Module, Result, Tensor, Var};
use candlewick_prelude::candle_nn::{self, VarMap};

fn picture(shape: (usize, usize, usize, usize)) -> Result<Var> {
    let count = shape.0 * shape.1 * shape.2 * shape.3;
    Var::from_tensor(&Tensor::arange(0f32, count as f32, &Device::Cpu)?.reshape(shape)?)
}

fn total(tensor: &Tensor) -> Result<f32> {
    tensor.sum_all()?.to_scalar()
}

#[test]
fn max_pool_gives_a_quarter_of_the_gradient() -> Result<()> {
    let x = picture((1, 1, 4, 4))?;
    let grads = x.max_pool2d(2)?.sum_all()?.backward()?;
    // Four windows hand on 1 each; candle hands on ¼.
    assert_eq!(total(grads.get(&x).expect("a gradient"))?, 1.);
    Ok(())
}

#[test]
fn overlapping_max_pool_has_no_backward() -> Result<()> {
    let x = picture((1, 1, 5, 5))?;
    assert!(x.max_pool2d_with_stride(3, 2)?.sum_all()?.backward().is_err());
    Ok(())
}

#[test]
fn relu_has_slope_one_at_zero() -> Result<()> {
    let x = Var::zeros(3, DType::F32, &Device::Cpu)?;
    let grads = x.relu()?.sum_all()?.backward()?;
    // torch.relu: 0
    assert_eq!(total(grads.get(&x).expect("a gradient"))?, 3.);
    Ok(())
}

#[test]
fn fused_norms_and_softmax_cut_the_gradient() -> Result<()> {
    let x = picture((1, 2, 3, 4))?;
    let (ones, zeros) = (Tensor::ones(4, DType::F32, &Device::Cpu)?, Tensor::zeros(4, DType::F32, &Device::Cpu)?);
    let layer = candle_nn::LayerNorm::new(ones.clone(), zeros, 1e-5).forward(&x)?;
    assert!(layer.sqr()?.sum_all()?.backward()?.get(&x).is_none(), "LayerNorm");
    let rms = candle_nn::RmsNorm::new(ones, 1e-5).forward(&x)?;
    assert!(
        rms.sqr()?.sum_all().and_then(|loss| loss.backward()).map_or(true, |grads| grads.get(&x).is_none()),
        "RmsNorm"
    );
    let softmax = candle_nn::ops::softmax_last_dim(&x)?.sqr()?.sum_all()?;
    assert!(softmax.backward().map_or(true, |grads| grads.get(&x).is_none()), "softmax_last_dim");
    Ok(())
}

#[test]
fn rotary_embedding_has_no_gradient() -> Result<()> {
    let x = picture((1, 1, 2, 4))?;
    let angles = Tensor::ones((2, 2), DType::F32, &Device::Cpu)?;
    let y = candle_nn::rotary_emb::rope(&x, &angles.cos()?, &angles.sin()?)?.sqr()?.sum_all()?;
    assert!(y.backward().map_or(true, |grads| grads.get(&x).is_none()));
    Ok(())
}

#[test]
fn nearest_upsampling_overwrites_the_gradient() -> Result<()> {
    let x = picture((1, 1, 1, 1))?;
    let h = x.affine(1., 0.)?;
    let wrong = |loss: Tensor| -> Result<f32> { total(loss.backward()?.get(&x).expect("a gradient")) };
    let one = (h.upsample_nearest2d(2, 2)?.sum_all()? + h.affine(3., 0.)?.sum_all()?)?;
    let two = (h.affine(3., 0.)?.sum_all()? + h.upsample_nearest2d(2, 2)?.sum_all()?)?;
    // Both are 4 + 3 = 7; in one of the orders the upsampling's 4 replaces the 3.
    let found = [wrong(one)?, wrong(two)?];
    assert!(found.contains(&4.), "{found:?}");
    Ok(())
}

#[test]
fn strided_convolution_of_an_oblong_picture_fails_backward() -> Result<()> {
    let x = picture((1, 1, 7, 8))?;
    let w = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu)?;
    assert!(x.conv2d(&w, 1, 2, 1, 1)?.sum_all()?.backward().is_err());
    Ok(())
}

/// Each group is a convolution of its own, over two narrows whose gradients are as large as what they were cut from.
#[test]
fn grouped_convolution_is_a_convolution_for_each_group() -> Result<()> {
    let x = picture((1, 8, 5, 5))?;
    let nodes = |groups: usize| -> Result<usize> {
        let w = picture((8, 8 / groups, 3, 3))?;
        Ok(x.conv2d(&w, 1, 1, 1, groups)?.sorted_nodes().len())
    };
    assert!(nodes(8)? >= nodes(1)? + 3 * 7, "{} {}", nodes(8)?, nodes(1)?);
    Ok(())
}

#[test]
fn bilinear_and_transposed_one_dimensional_convolution_have_no_backward() -> Result<()> {
    let x = picture((1, 1, 2, 2))?;
    assert!(x.upsample_bilinear2d(4, 4, false)?.sum_all()?.backward().is_err(), "bilinear");
    let x = Var::ones((1, 1, 4), DType::F32, &Device::Cpu)?;
    let w = Tensor::ones((1, 1, 3), DType::F32, &Device::Cpu)?;
    assert!(x.conv_transpose1d(&w, 0, 0, 1, 1, 1)?.sum_all()?.backward().is_err(), "conv_transpose1d");
    Ok(())
}

#[test]
fn binary_cross_entropy_overflows() -> Result<()> {
    let x = Tensor::new(&[-200f32, 200.], &Device::Cpu)?;
    let t = Tensor::new(&[0f32, 1.], &Device::Cpu)?;
    let loss = candle_nn::loss::binary_cross_entropy_with_logit(&x, &t)?.to_scalar::<f32>()?;
    assert!(!loss.is_finite(), "{loss}");
    Ok(())
}

#[test]
fn a_constant_operand_gets_a_gradient_all_the_same() -> Result<()> {
    let x = Var::ones((2, 3), DType::F32, &Device::Cpu)?;
    let frozen = Tensor::ones((3, 4), DType::F32, &Device::Cpu)?;
    let grads = x.matmul(&frozen)?.sum_all()?.backward()?;
    assert!(grads.get(&frozen).is_some());
    Ok(())
}

#[test]
fn slow_softmax_and_log_softmax_are_right() -> Result<()> {
    // The two that the traps' list names as usable: no pin, but a reason to notice if they break.
    let x = Var::new(&[[1f32, 2., 3.]], &Device::Cpu)?;
    let grads = candle_nn::ops::softmax(&x, D::Minus1)?.narrow(1, 0, 1)?.sum_all()?.backward()?;
    let found = grads.get(&x).expect("a gradient").flatten_all()?.to_vec1::<f32>()?;
    // torch.softmax(torch.tensor([1., 2., 3.]), 0)[0].backward()
    for (found, expected) in found.iter().zip([0.08192507, -0.02203304, -0.05989202]) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    Ok(())
}

#[test]
fn loading_weights_fails_on_a_missing_name() -> Result<()> {
    let path = tempfile::NamedTempFile::with_suffix(".safetensors")?;
    let body = std::collections::HashMap::from([("body.weight", Tensor::ones(2, DType::F32, &Device::Cpu)?)]);
    candlewick_prelude::candle_core::safetensors::save(&body, path.path())?;
    let mut map = VarMap::new();
    map.get(2, "body.weight", candle_nn::Init::Const(0.), DType::F32, &Device::Cpu)?;
    map.get(2, "head.weight", candle_nn::Init::Const(0.), DType::F32, &Device::Cpu)?;
    assert!(map.load(path.path()).is_err());
    Ok(())
}
