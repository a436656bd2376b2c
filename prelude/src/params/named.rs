//! Tensors with their names, as files hold them.

use candle_core::Tensor;

/// Tensors with their names.
pub type NamedTensors = Vec<(String, Tensor)>;

/// What wrappers put before names: `DataParallel`, `torch.compile`, and the networks that hold another one.
const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "backbone."];

/// Takes off what wrappers have put before the names, in any order; a head beside the wrapped network keeps its name.
pub(super) fn unwrap(tensors: &mut NamedTensors) {
    let is_wrapped = |tensors: &NamedTensors, wrapper: &str| {
        let wrapped = tensors.iter().filter(|(name, _)| name.starts_with(wrapper)).count();
        wrapped > 0 && wrapped * 4 >= tensors.len() * 3
    };
    while let Some(wrapper) = WRAPPERS.into_iter().find(|wrapper| is_wrapped(tensors, wrapper)) {
        for (name, _) in tensors.iter_mut() {
            if let Some(bare) = name.strip_prefix(wrapper) {
                *name = bare.to_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn wrappers_are_taken_off_in_any_order() -> candle_core::Result<()> {
        let one = Tensor::new(1f32, &Device::Cpu)?;
        for (before, after) in [
            (["module._orig_mod.a", "module._orig_mod.b"], ["a", "b"]),
            (["_orig_mod.module.model.a", "_orig_mod.module.model.b"], ["a", "b"]),
            (["model.backbone.a.b", "model.backbone.model"], ["a.b", "model"]),
            (["model.a", "b"], ["model.a", "b"]),
            (["models.a", "models.b"], ["models.a", "models.b"]),
        ] {
            let mut tensors: NamedTensors = before.iter().map(|name| ((*name).to_owned(), one.clone())).collect();
            unwrap(&mut tensors);
            assert_eq!(tensors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), after);
        }
        let names = ["backbone.a", "backbone.b", "backbone.c", "head.weight"];
        let mut tensors: NamedTensors = names.iter().map(|name| ((*name).to_owned(), one.clone())).collect();
        unwrap(&mut tensors);
        assert_eq!(tensors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "head.weight"]);
        Ok(())
    }
}
