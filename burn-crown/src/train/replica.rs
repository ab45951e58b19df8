//! Copies of a learner, one on each device, that stay equal.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use burn::train::train::{MultiDeviceStepError, WorkerFailure};
use burn::train::{Learner, LearnerModel, TrainOutput, TrainStep};

type Output<M> = TrainOutput<<M as TrainStep>::Output>;

/// A learner for each device. The first one's works on the caller's thread, each other one's on a
/// thread of its own.
pub(super) struct Replicas<M: LearnerModel> {
    main: Learner<M>,
    others: Vec<Worker<M>>,
}

impl<M: LearnerModel> Replicas<M> {
    pub(super) fn new(mut learner: Learner<M>, devices: &[Device]) -> Self {
        let others = devices[1..]
            .iter()
            .map(|device| Worker::start(learner.clone(), device.clone()))
            .collect();
        learner.fork(&devices[0]);
        Self {
            main: learner,
            others,
        }
    }

    /// The replica of the first device.
    pub(super) fn main(&self) -> &Learner<M> {
        &self.main
    }

    /// Runs a step on each device that has a batch, and gives the results in their order.
    pub(super) fn step(
        &self,
        batches: Vec<Option<<M as TrainStep>::Input>>,
    ) -> Result<Vec<Output<M>>, MultiDeviceStepError> {
        let mut batches = batches.into_iter();
        let of_main = batches.next().flatten();
        let asked: Vec<Option<bool>> = self
            .others
            .iter()
            .zip(batches)
            .map(|(worker, batch)| batch.map(|batch| worker.send(Task::Step(batch))))
            .collect();
        let mut results: Vec<(usize, Result<Output<M>, String>)> = Vec::new();
        if let Some(batch) = of_main {
            let step = AssertUnwindSafe(|| self.main.train_step(batch));
            results.push((0, catch_unwind(step).map_err(message)));
        }
        // Every worker that was asked is waited for, also after another one failed.
        for (index, (worker, sent)) in self.others.iter().zip(asked).enumerate() {
            match sent {
                Some(true) => results.push((index + 1, worker.receive())),
                Some(false) => results.push((index + 1, Err(ENDED.into()))),
                None => {}
            }
        }
        let mut outputs = Vec::with_capacity(results.len());
        let mut failures = Vec::new();
        for (device_id, result) in results {
            match result {
                Ok(output) => outputs.push(output),
                Err(message) => failures.push(WorkerFailure { device_id, message }),
            }
        }
        if failures.is_empty() {
            Ok(outputs)
        } else {
            Err(MultiDeviceStepError::Workers(failures))
        }
    }

    /// Optimizes every replica by the same gradients.
    pub(super) fn optimize(&mut self, gradients: GradientsParams) {
        let model = self.main.model();
        for worker in &self.others {
            let copy = copied(&model, &gradients, &worker.device);
            // Where the worker is gone, the next step says so.
            worker.send(Task::Optimize(copy));
        }
        self.main.lr_step();
        self.main.optimizer_step(gradients);
    }
}

const ENDED: &str = "the worker's thread has ended";

enum Task<T> {
    Step(T),
    Optimize(GradientsParams),
}

/// A replica on a thread of its own, which ends when this is dropped.
struct Worker<M: LearnerModel> {
    device: Device,
    tasks: Sender<Task<<M as TrainStep>::Input>>,
    results: Receiver<Result<Output<M>, String>>,
}

impl<M: LearnerModel> Worker<M> {
    fn start(learner: Learner<M>, device: Device) -> Self {
        let (tasks, to_do) = channel();
        let (done, results) = channel();
        let place = device.clone();
        std::thread::spawn(move || work(learner, &place, &to_do, &done));
        Self {
            device,
            tasks,
            results,
        }
    }

    /// Whether the worker is there to take it.
    fn send(&self, task: Task<<M as TrainStep>::Input>) -> bool {
        self.tasks.send(task).is_ok()
    }

    fn receive(&self) -> Result<Output<M>, String> {
        self.results.recv().unwrap_or_else(|_| Err(ENDED.into()))
    }
}

/// Does the tasks until there are no more; what failed is told in place of the next step's result.
fn work<M: LearnerModel>(
    mut learner: Learner<M>,
    device: &Device,
    tasks: &Receiver<Task<<M as TrainStep>::Input>>,
    results: &Sender<Result<Output<M>, String>>,
) {
    let mut failed = catch_unwind(AssertUnwindSafe(|| learner.fork(device)))
        .err()
        .map(message);
    for task in tasks {
        match task {
            Task::Step(batch) => {
                let result = match failed.take() {
                    Some(message) => Err(message),
                    None => {
                        let step = AssertUnwindSafe(|| learner.train_step(batch));
                        catch_unwind(step).map_err(message)
                    }
                };
                if results.send(result).is_err() {
                    return;
                }
            }
            Task::Optimize(gradients) => {
                let step = AssertUnwindSafe(|| {
                    learner.lr_step();
                    learner.optimizer_step(gradients);
                });
                failed = failed.or(catch_unwind(step).err().map(message));
            }
        }
    }
}

/// What a panic said.
fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .map_or_else(|| "a panic without a message".into(), ToString::to_string),
    }
}

/// The gradients of a module's parameters, on another device.
fn copied<M: LearnerModel>(
    model: &M,
    gradients: &GradientsParams,
    device: &Device,
) -> GradientsParams {
    struct Copying<'a> {
        from: &'a GradientsParams,
        to: GradientsParams,
        device: Device,
    }

    impl ModuleVisitor for Copying<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.from.get::<D>(param.id) {
                self.to.register(param.id, gradient.to_device(&self.device));
            }
        }
    }

    let mut copying = Copying {
        from: gradients,
        to: GradientsParams::new(),
        device: device.clone().inner(),
    };
    model.visit(&mut copying);
    copying.to
}
