//! Networks described by the `spec.json` of the golden cases.

use std::path::Path;

use burn::module::{Module, Param, RunningState};
use burn::nn;
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_crown::{AnyTensor, Bounded};
use serde_json::Value;

use crate::tensors::TensorFile;

/// A network of stock Burn layers with an input of rank `D` and an output `[B, classes]`.
#[derive(Module, Bounded, Debug)]
pub struct SpecNet<const D: usize> {
    nodes: Vec<SpecNode>,
    output: usize,
}

/// A layer and the values that it reads.
#[derive(Module, Debug)]
struct SpecNode {
    layer: SpecLayer,
    /// 0 is the network's input, `i + 1` the value of node `i`.
    inputs: Vec<usize>,
}

#[derive(Module, Debug)]
enum SpecLayer {
    Linear(nn::Linear),
    Conv2d(nn::conv::Conv2d),
    BatchNorm(nn::BatchNorm),
    AvgPool2d(nn::pool::AvgPool2d),
    Relu(nn::Relu),
    LeakyRelu(nn::LeakyRelu),
    Tanh(nn::Tanh),
    Gelu(nn::Gelu),
    /// A function of each element, by its index in [`FUNCTIONS`].
    Function(usize),
    /// Plus a number.
    AddScalar(f64),
    /// The product, or the quotient, of two values.
    Product(bool),
    /// Times a number.
    MulScalar(f64),
    /// Plus a parameter.
    AddParam(Param<Tensor<1>>),
    /// Times a parameter.
    MulParam(Param<Tensor<1>>),
    /// Burn's modules have no unit variants; the field is the first of the merged dims.
    Flatten(usize),
    /// The field is the number of terms.
    Add(usize),
    /// The field is the number of terms.
    Sub(usize),
    /// The field is the number of factors.
    Matmul(usize),
    /// The two dims that are swapped, from the last one.
    Transpose([usize; 2]),
    /// An index of dim 1.
    Select(usize),
    /// A range of the last dim.
    SliceLast([usize; 2]),
    /// The mean over a dim, from the last one.
    Mean(usize),
    /// Over a dim, from the last one.
    Softmax(usize),
    MaxPool2d(nn::pool::MaxPool2d),
}

impl<const D: usize> SpecNet<D> {
    /// Builds the network of a case folder, with its weights in `dtype`.
    ///
    /// # Panics
    ///
    /// If a file is missing or describes a layer that is unknown here.
    pub fn load(folder: &Path, dtype: DType, device: &Device) -> Self {
        let text = std::fs::read_to_string(folder.join("spec.json")).expect("spec.json");
        let spec: Value = serde_json::from_str(&text).expect("spec.json holds JSON");
        let weights = Weights {
            file: TensorFile::open(folder.join("model.safetensors")),
            dtype,
            device: device.clone(),
        };
        let mut names = vec!["input"];
        let mut nodes = Vec::new();
        for node in list(&spec["nodes"]) {
            let inputs = list(&node["inputs"])
                .iter()
                .map(|input| position(&names, input.as_str().expect("a name")))
                .collect();
            nodes.push(SpecNode {
                layer: SpecLayer::build(node, &weights),
                inputs,
            });
            names.push(node["name"].as_str().expect("a name"));
        }
        let output = position(&names, spec["output_node"].as_str().expect("a name"));
        Self { nodes, output }
    }

    /// The output `[B, classes]`.
    pub fn forward(&self, input: Tensor<D>) -> Tensor<2> {
        let mut values = vec![AnyTensor::new(input)];
        for node in &self.nodes {
            let inputs: Vec<AnyTensor> = node
                .inputs
                .iter()
                .map(|&input| values[input].clone())
                .collect();
            values.push(node.layer.forward(&inputs));
        }
        values.swap_remove(self.output).into_tensor()
    }
}

impl SpecLayer {
    fn build(node: &Value, weights: &Weights) -> Self {
        let attribute = |name: &str| node["attrs"][name].as_u64().expect("a number") as usize;
        let from_last = |name: &str| {
            let dim = node["attrs"][name].as_i64().expect("a number");
            usize::try_from(-dim).expect("a dim that is counted from the last one")
        };
        let square = |name: &str| [attribute(name); 2];
        let padding = || {
            let size = attribute("padding");
            nn::PaddingConfig2d::Explicit(size, size, size, size)
        };
        let param = |name: &str| node["params"][name].as_str().expect("a name");
        let device = &weights.device;
        match node["op"].as_str().expect("a name") {
            "linear" => {
                let weight = weights.tensor::<2>(param("weight")).transpose();
                let [inputs, outputs] = weight.dims();
                let mut layer = nn::LinearConfig::new(inputs, outputs).init(device);
                layer.weight = Param::from_tensor(weight);
                layer.bias = Some(Param::from_tensor(weights.tensor(param("bias"))));
                Self::Linear(layer)
            }
            "conv2d" => {
                let weight = weights.tensor::<4>(param("weight"));
                let [outputs, inputs, ..] = weight.dims();
                let groups = attribute("groups");
                let mut layer =
                    nn::conv::Conv2dConfig::new([inputs * groups, outputs], square("kernel"))
                        .with_stride(square("stride"))
                        .with_dilation(square("dilation"))
                        .with_groups(groups)
                        .with_padding(padding())
                        .init(device);
                layer.weight = Param::from_tensor(weight);
                layer.bias = Some(Param::from_tensor(weights.tensor(param("bias"))));
                Self::Conv2d(layer)
            }
            "batch_norm2d" => {
                let gamma = weights.tensor::<1>(param("weight"));
                let epsilon = node["attrs"]["eps"].as_f64().expect("a number");
                let config = nn::BatchNormConfig::new(gamma.dims()[0]).with_epsilon(epsilon);
                let mut layer = config.init(device);
                layer.gamma = Param::from_tensor(gamma);
                layer.beta = Param::from_tensor(weights.tensor(param("bias")));
                layer.running_mean = RunningState::new(weights.tensor(param("running_mean")));
                layer.running_var = RunningState::new(weights.tensor(param("running_var")));
                Self::BatchNorm(layer)
            }
            "avg_pool2d" => {
                let config = nn::pool::AvgPool2dConfig::new(square("kernel"))
                    .with_strides(square("stride"))
                    .with_padding(padding());
                Self::AvgPool2d(config.init())
            }
            "relu" => Self::Relu(nn::Relu::new()),
            "leaky_relu" => {
                let slope = node["attrs"]["negative_slope"].as_f64().expect("a number");
                let config = nn::LeakyReluConfig::new().with_negative_slope(slope);
                Self::LeakyRelu(config.init())
            }
            "tanh" => Self::Tanh(nn::Tanh::new()),
            "gelu" => Self::Gelu(nn::Gelu::new()),
            "add_scalar" => Self::AddScalar(node["attrs"]["value"].as_f64().expect("a number")),
            "mul" => Self::Product(true),
            "div" => Self::Product(false),
            "pow" => {
                assert_eq!(node["attrs"]["exponent"], 2, "the power that is known here");
                Self::Function(position(FUNCTIONS, "square"))
            }
            name if FUNCTIONS.contains(&name) => Self::Function(position(FUNCTIONS, name)),
            "flatten" => Self::Flatten(1),
            "add" => Self::Add(list(&node["inputs"]).len()),
            "sub" => Self::Sub(list(&node["inputs"]).len()),
            "matmul" => Self::Matmul(list(&node["inputs"]).len()),
            "mul_scalar" => Self::MulScalar(node["attrs"]["value"].as_f64().expect("a number")),
            "add_param" => Self::AddParam(Param::from_tensor(weights.tensor(param("weight")))),
            "mul_param" => Self::MulParam(Param::from_tensor(weights.tensor(param("weight")))),
            "transpose" => Self::Transpose(["dim0", "dim1"].map(from_last)),
            "select" => Self::Select(attribute("index")),
            "slice_last" => Self::SliceLast(["start", "end"].map(attribute)),
            "mean" => Self::Mean(from_last("dim")),
            "softmax" => Self::Softmax(from_last("dim")),
            "max_pool2d" => {
                let config = nn::pool::MaxPool2dConfig::new(square("kernel"))
                    .with_strides(square("stride"))
                    .with_padding(padding());
                Self::MaxPool2d(config.init())
            }
            other => panic!("layer `{other}` of a golden case is unknown"),
        }
    }

    fn forward(&self, inputs: &[AnyTensor]) -> AnyTensor {
        match inputs[0].rank() {
            2 => self.forward_at::<2>(inputs),
            3 => self.forward_at::<3>(inputs),
            4 => self.forward_at::<4>(inputs),
            rank => panic!("a golden case has a value of rank {rank}"),
        }
    }

    /// For a first input of rank `D`.
    fn forward_at<const D: usize>(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let input = inputs[0].clone();
        let x = input.clone().into_tensor::<D>();
        let term = |index: usize| inputs[index].clone().into_tensor::<D>();
        let y = match self {
            Self::Linear(layer) => layer.forward(x),
            Self::Conv2d(layer) => return AnyTensor::new(layer.forward(input.into_tensor())),
            Self::BatchNorm(layer) => layer.forward(x),
            Self::AvgPool2d(layer) => return AnyTensor::new(layer.forward(input.into_tensor())),
            Self::MaxPool2d(layer) => return AnyTensor::new(layer.forward(input.into_tensor())),
            Self::Relu(layer) => layer.forward(x),
            Self::LeakyRelu(layer) => layer.forward(x),
            Self::Tanh(layer) => layer.forward(x),
            Self::Gelu(layer) => layer.forward(x),
            Self::Function(index) => function(*index, x),
            Self::AddScalar(value) => x.add_scalar(*value),
            Self::MulScalar(value) => x.mul_scalar(*value),
            Self::AddParam(param) => x + param.val().unsqueeze(),
            Self::MulParam(param) => x * param.val().unsqueeze(),
            Self::Product(true) => x * term(1),
            Self::Product(false) => x / term(1),
            Self::Add(count) => (1..*count).fold(x, |sum, index| sum + term(index)),
            Self::Sub(count) => (1..*count).fold(x, |rest, index| rest - term(index)),
            Self::Matmul(count) => {
                (1..*count).fold(x, |product, index| product.matmul(term(index)))
            }
            Self::Transpose([first, second]) => x.swap_dims(D - first, D - second),
            Self::Mean(dim) => x.mean_dim(D - dim),
            Self::Softmax(dim) => softmax(x, D - dim),
            Self::SliceLast([start, end]) => x.narrow(D - 1, *start, end - start),
            Self::Select(index) => {
                let picked = input.into_tensor::<3>().narrow(1, *index, 1);
                return AnyTensor::new(picked.squeeze_dim::<2>(1));
            }
            Self::Flatten(first) => return AnyTensor::new(x.flatten::<2>(*first, D - 1)),
        };
        AnyTensor::new(y)
    }
}

/// The functions without parameters.
const FUNCTIONS: &[&str] = &["exp", "log", "sqrt", "reciprocal", "square", "sigmoid"];

fn function<const D: usize>(index: usize, x: Tensor<D>) -> Tensor<D> {
    match FUNCTIONS[index] {
        "exp" => x.exp(),
        "log" => x.log(),
        "sqrt" => x.sqrt(),
        "reciprocal" => x.recip(),
        "square" => x.square(),
        "sigmoid" => sigmoid(x),
        name => panic!("no function {name}"),
    }
}

struct Weights {
    file: TensorFile,
    dtype: DType,
    device: Device,
}

impl Weights {
    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let (values, shape) = self.file.values(name);
        Tensor::from_data(TensorData::new(values, shape), (&self.device, self.dtype))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn position(names: &[&str], name: &str) -> usize {
    names
        .iter()
        .position(|known| *known == name)
        .unwrap_or_else(|| panic!("`{name}` is no earlier node"))
}
