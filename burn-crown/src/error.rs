//! The errors of the library.

use burn::tensor::DType;

/// Why a forward pass cannot be recorded as a graph that can be bounded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The forward pass panicked while it was recorded. The process's panic hook has told it too.
    #[error(
        "the forward pass cannot be recorded, it panicked: {message}\n\
         If it runs otherwise: a forward pass that is bounded must not read a value that it has \
         computed, nor branch on one, nor draw random numbers; its control flow may depend on \
         shapes and on the module's own settings."
    )]
    ForwardPanicked {
        /// The message of the panic.
        message: String,
    },

    /// An operator that the library cannot bound.
    #[error("operator `{operator}` in {module} cannot be bounded: {reason}")]
    Unsupported {
        /// Burn's name of the operator.
        operator: String,
        /// The module that made it.
        module: String,
        /// Why, and what to do.
        reason: String,
    },

    /// An operator that mixes the images of a batch.
    #[error(
        "operator `{operator}` in {module} mixes the images of the batch: {reason}. Bounds are \
         computed image by image; keep the batch as the first dim of every tensor"
    )]
    MixesBatch {
        /// Burn's name of the operator.
        operator: String,
        /// The module that made it.
        module: String,
        /// What it does to the batch.
        reason: String,
    },

    /// An output is the same for every input of the region.
    #[error(
        "the output does not depend on a perturbed input or parameter; a bound on it would certify \
         nothing. Check that `forward` uses its input, and that the input is not fixed"
    )]
    IndependentOutput,

    /// The number of inputs differs from what the forward pass takes.
    #[error("the forward pass takes {expected} input tensor(s), {given} were given")]
    InputCount {
        /// What `forward` takes.
        expected: usize,
        /// What was given.
        given: usize,
    },

    /// The rank of an input differs from what the forward pass takes.
    #[error("input {index} of the forward pass has rank {expected}, but {shape:?} was given")]
    InputRank {
        /// Which input, from 0.
        index: usize,
        /// The rank that `forward` takes.
        expected: usize,
        /// The shape that was given.
        shape: Vec<usize>,
    },

    /// An input without images.
    #[error("input {index} has shape {shape:?}: a batch needs at least one image")]
    EmptyBatch {
        /// Which input, from 0.
        index: usize,
        /// The shape that was given.
        shape: Vec<usize>,
    },

    /// Perturbed inputs that disagree on the batch.
    #[error("perturbed input {index} has a batch of {given}, the first one a batch of {expected}")]
    BatchMismatch {
        /// Which input, from 0.
        index: usize,
        /// The batch of the first perturbed input.
        expected: usize,
        /// The batch of this one.
        given: usize,
    },

    /// The forward pass gave a tensor of its own device.
    #[error(
        "the forward pass returns a tensor that is not on the device of its input; make every \
         tensor in it with `&input.device()`"
    )]
    ForeignDevice,

    /// The forward pass computes something else than what it recorded.
    #[error(
        "the forward pass does not compute what it recorded: {reason}. It must do the same on \
         every device and at every call"
    )]
    NotReproduced {
        /// What differs.
        reason: String,
    },

    /// Burn's capture device refused the recording.
    #[error("the recording of the forward pass is incomplete: {0}")]
    Capture(String),
}

/// Why bounds could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundError {
    /// The forward pass cannot be bounded.
    #[error(transparent)]
    Trace(#[from] TraceError),

    /// A perturbation that describes no region.
    #[error("the perturbation is not valid: {0}")]
    Perturbation(String),

    /// An output that the forward pass does not have.
    #[error("there is no output {output}: the forward pass gives {outputs}, counted from 0")]
    Output {
        /// The output that was asked for.
        output: usize,
        /// How many there are.
        outputs: usize,
    },

    /// A path that names no parameter.
    #[error("the module has no float parameter or layer `{path}`; it has {known}")]
    UnknownParameter {
        /// The path that was given.
        path: String,
        /// Paths of parameters, those first that begin like it.
        known: String,
    },

    /// A perturbation that describes no region around a parameter.
    #[error("parameter `{path}`: {reason}")]
    WeightPerturbation {
        /// The parameter's path.
        path: String,
        /// What is wrong with it.
        reason: Box<BoundError>,
    },

    /// A specification that does not fit the model's output.
    #[error("the specification does not fit the output: {0}")]
    Specification(String),

    /// A bound was asked of a method that estimates.
    #[error(
        "random projections give estimates, which bound nothing and certify nothing; take the \
         projections out of the `BoundConfig`, or train with `Analysis::estimate`"
    )]
    Estimate,

    /// Random projections that cannot be drawn or have no estimator here.
    #[error("the random projections are not valid: {0}")]
    Projections(String),

    /// Rounding that cannot be accounted for, where a [`Rounding::Sound`](crate::Rounding::Sound)
    /// bound was asked for.
    #[error("rounding cannot be accounted for: {0}")]
    Rounding(String),

    /// Input and parameters of different float types.
    #[error("the input is {input:?} but the parameters are {parameter:?}; convert one of them")]
    DataType {
        /// The input's type.
        input: DType,
        /// The parameters' type.
        parameter: DType,
    },

    /// A float type in which bounds are not computed.
    #[error("bounds are not computed in {0:?}; convert the model and the input to f32 or f64")]
    Precision(DType),

    /// Input and parameters on different devices.
    #[error("the input is on {input}, the parameters on {parameter}; move one of them")]
    Device {
        /// The input's device.
        input: String,
        /// The parameters' device.
        parameter: String,
    },
}
