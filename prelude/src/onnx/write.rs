//! The file: a graph with its inputs, outputs and what is said of it, as protobuf.

use onnx_rs::ast::{
    Attribute, AttributeType, DataType, Dimension, Graph, Model, Node, OpType, OperatorSetId, StringStringEntry,
    TensorProto, TensorShape, TensorShapeDimension, TensorTypeProto, TypeProto, TypeValue, ValueInfo,
};

use super::graph::OnnxGraph;
use super::value::{OnnxAttribute, OnnxFields, OnnxValue};
use crate::{Error, Result};

/// Operators of this version: the first with `LayerNormalization`.
const OPSET: i64 = 17;
/// The version of the format that came with it.
const IR: i64 = 8;
/// Protobuf holds no more; a little is for names and shapes.
const MOST: usize = (1 << 31) - (1 << 20);
/// What the batch is called.
const BATCH: &str = "N";
/// What a length is called that differs from batch to batch.
const LENGTH: &str = "T";

/// A network that is ready to be written.
#[derive(Debug)]
pub struct OnnxModel {
    /// The nodes and constants.
    pub graph: OnnxGraph,
    /// What goes in.
    pub inputs: Vec<OnnxValue>,
    /// What comes out, by name.
    pub outputs: OnnxFields,
    /// What is said of it: keys and values.
    pub metadata: Vec<(String, String)>,
}

impl OnnxModel {
    /// The file's bytes.
    ///
    /// # Errors
    /// When it would have more than 2 GB.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        room(self.graph.constants.iter().map(|constant| constant.bytes.len()).sum())?;
        let dims = |dims: &[usize]| dims.iter().map(|dim| *dim as i64).collect::<Vec<i64>>();
        let constants = self.graph.constants.iter().map(|one| {
            let kind = if one.whole { DataType::Int64 } else { DataType::Float };
            TensorProto::from_raw(&one.name, dims(&one.dims), kind, &one.bytes)
        });
        let nodes = self.graph.nodes.iter().map(|one| Node {
            name: &one.output,
            op_type: OpType::from(one.op.as_str()),
            input: one.inputs.iter().map(String::as_str).collect(),
            output: vec![one.output.as_str()],
            attribute: one.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..Node::default()
        });
        // an output has the name of its field
        let named = self.outputs.iter().map(|(name, value)| Node {
            name,
            op_type: OpType::Identity,
            input: vec![value.name.as_str()],
            output: vec![name],
            ..Node::default()
        });
        let model = Model {
            ir_version: IR,
            opset_import: vec![OperatorSetId { domain: "", version: OPSET }],
            producer_name: "candlewick",
            producer_version: env!("CARGO_PKG_VERSION"),
            graph: Some(Graph {
                name: "network",
                node: nodes.chain(named).collect(),
                initializer: constants.collect(),
                input: self.inputs.iter().map(|value| about(&value.name, value)).collect(),
                output: self.outputs.iter().map(|(name, value)| about(name, value)).collect(),
                ..Graph::default()
            }),
            metadata_props: self.metadata.iter().map(|(key, value)| StringStringEntry { key, value }).collect(),
            ..Model::default()
        };
        Ok(onnx_rs::encode(&model))
    }
}

/// Refuses constants of so many bytes that no file holds them.
fn room(bytes: usize) -> Result<()> {
    if bytes <= MOST {
        return Ok(());
    }
    Err(Error::new(format!("the network has {:.1} GB of weights; an ONNX file holds 2 GB", bytes as f64 / 1e9))
        .remedy("take a smaller network, or give its weights as safetensors: `learner.save_weights(path)?`"))
}

fn attribute<'a>(name: &'a str, value: &'a OnnxAttribute) -> Attribute<'a> {
    let own = Attribute { name, ..Attribute::default() };
    match value {
        OnnxAttribute::Int(i) => Attribute { r#type: AttributeType::Int, i: *i, ..own },
        OnnxAttribute::Ints(ints) => Attribute { r#type: AttributeType::Ints, ints: ints.clone(), ..own },
        OnnxAttribute::Float(f) => Attribute { r#type: AttributeType::Float, f: *f, ..own },
        OnnxAttribute::Text(text) => Attribute { r#type: AttributeType::String, s: text.as_bytes(), ..own },
    }
}

/// A value's name, kind and shape; the batch is of any size.
fn about<'a>(name: &'a str, value: &OnnxValue) -> ValueInfo<'a> {
    let batch = std::iter::once(Dimension::Param(BATCH));
    let dims = batch.chain(value.dims.iter().map(|dim| match dim {
        0 => Dimension::Param(LENGTH),
        dim => Dimension::Value(*dim as i64),
    }));
    let dim = dims.map(|value| TensorShapeDimension { value, ..TensorShapeDimension::default() }).collect();
    let elem_type = if value.whole { DataType::Int64 } else { DataType::Float };
    let tensor = TensorTypeProto { elem_type, shape: Some(TensorShape { dim }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), ..TypeProto::default() });
    ValueInfo { name, r#type, ..ValueInfo::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};

    #[test]
    fn what_is_written_is_read_again() -> Result<()> {
        let mut graph = OnnxGraph::new();
        let x = graph.input("image", &[3, 4, 4]);
        let weight = graph.weight("a.weight", &Tensor::new(&[[1f32, 2.0, 3.0]], &Device::Cpu)?)?;
        assert_eq!(graph.weight("a.weight", &Tensor::new(&[[1f32, 2.0, 3.0]], &Device::Cpu)?)?, weight);
        let other = graph.weight("a.weight", &Tensor::new(&[[1f32, 2.0, 4.0]], &Device::Cpu)?)?;
        let bias = graph.weight("a.bias", &Tensor::new(&[0.5f32], &Device::Cpu)?)?;
        let mean = graph.adaptive_average(&x, (1, 1))?;
        let row = graph.reshape(&mean, &[3]);
        let y = graph.linear(&row, &weight, &bias)?;
        assert_eq!((y.dims(), other.name()), (&[1][..], "a.weight_2"));
        let metadata = vec![("names".to_owned(), "[\"é\"]".to_owned())];
        let bytes = OnnxModel { graph, inputs: vec![x], outputs: OnnxFields::of("logits", y), metadata }.bytes()?;
        let model = onnx_rs::parse(&bytes).expect("it is whole");
        let graph = model.graph.expect("there is one");
        let ops: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(ops, ["GlobalAveragePool", "Reshape", "Gemm", "Identity"]);
        assert_eq!((graph.input[0].name, graph.output[0].name), ("image", "logits"));
        let dims = &graph.input[0].tensor_shape().expect("a shape").dim;
        assert_eq!((&dims[0].value, &dims[1].value), (&Dimension::Param("N"), &Dimension::Value(3)));
        assert_eq!(
            graph.get_initializer("a.weight").and_then(TensorProto::as_f32).as_deref(),
            Some(&[1f32, 2.0, 3.0][..])
        );
        assert_eq!(graph.get_initializer("integers").and_then(TensorProto::as_i64).as_deref(), Some(&[0i64, 3][..]));
        assert_eq!((model.metadata_props[0].key, model.metadata_props[0].value), ("names", "[\"é\"]"));
        assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
        Ok(())
    }

    #[test]
    fn what_makes_no_sense_is_refused() -> Result<()> {
        assert!(room(3 << 30).unwrap_err().to_string().contains("an ONNX file holds 2 GB"));
        let mut graph = OnnxGraph::new();
        let nan = Tensor::new(&[f32::NAN], &Device::Cpu)?;
        assert!(graph.weight("a", &nan).unwrap_err().to_string().contains("`a` holds values that are no numbers"));
        let x = graph.input("x", &[4, 3, 5]);
        assert!(graph.concat(&[], 1).is_err() && graph.concat(&[&x], 0).is_err() && graph.concat(&[&x], 4).is_err());
        assert!(graph.transpose(&x, &[1, 0, 2, 3]).is_err() && graph.transpose(&x, &[0, 1, 2]).is_err());
        assert!(
            graph.slice(&x, 1, 2, 5, 1).is_err()
                && graph.slice(&x, 0, 0, 1, 1).is_err()
                && graph.slice(&x, 1, 0, 1, 0).is_err()
        );
        assert!(graph.take(&x, 2, 3).is_err() && graph.take(&x, 0, 0).is_err());
        assert!(graph.upsample_nearest(&x, (7, 10)).is_err());
        let row = graph.input("row", &[4]);
        assert!(graph.adaptive_average(&row, (1, 1)).is_err() && graph.linear(&row, &x, &row).is_err());
        Ok(())
    }
}
