//! What an example is told, and what it finds.

use std::ops::RangeInclusive;

use burn::tensor::Device;
use burn_crown::Method;
use clap::Args;

use crate::certificate::{OutputBounds, Row};
use crate::error::ExampleError;
use crate::training::Training;

/// An example: what its help says, its settings, and its experiment.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The name of its program.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What there is to learn from it, shown below the options.
    pub lesson: &'static str,
    /// The settings with which it reaches the errors in the README.
    pub settings: Settings,
    /// Trains, certifies and reports.
    pub run: fn(&Settings, &Device) -> Result<Report, ExampleError>,
}

/// The size of an experiment.
#[derive(Args, Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The radius ε that is trained for and certified, in pixels that go from 0 to 1
    #[arg(long, value_parser = radius)]
    pub epsilon: f64,
    /// Passes over the training images; ε grows from a tenth to seven tenths of them
    #[arg(long)]
    pub epochs: usize,
    /// How many images are trained on, of 6,000
    #[arg(long, value_name = "COUNT", value_parser = images(1..=6_000))]
    pub train_images: usize,
    /// How many other images are certified by IBP and CROWN-IBP, of 1,000
    #[arg(long, value_name = "COUNT", value_parser = images(1..=1_000))]
    pub test_images: usize,
    /// How many of them at most CROWN certifies, which takes the longest; 0 leaves it out
    #[arg(long, value_name = "COUNT", value_parser = images(0..=1_000))]
    pub crown_images: usize,
    /// The seed of the weights and of the order of the images; the same seed gives the same table
    #[arg(long)]
    pub seed: u64,
}

impl Settings {
    /// The methods that certify, from the cheapest on.
    pub fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Interval, Method::CrownIbp, Method::Crown];
        methods.retain(|&method| self.images(method) > 0);
        methods
    }

    /// How many images a method certifies.
    pub fn images(&self, method: Method) -> usize {
        match method {
            Method::Crown => self.crown_images.min(self.test_images),
            _ => self.test_images,
        }
    }
}

/// What an experiment found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What training did.
    pub training: Training,
    /// The errors, for each region and method.
    pub rows: Vec<Row>,
    /// The outputs of the first test image, where the example shows them.
    pub outputs: Vec<OutputBounds>,
}

/// Reads a radius, and refuses what is none.
fn radius(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(radius) if radius > 0.0 && radius <= 1.0 => Ok(radius),
        _ => Err("give a number above 0 and at most 1".into()),
    }
}

/// Reads a number of images.
fn images(allowed: RangeInclusive<usize>) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| match text.parse() {
        Ok(count) if allowed.contains(&count) => Ok(count),
        _ => Err(format!(
            "give a whole number from {} to {}",
            allowed.start(),
            allowed.end()
        )),
    }
}
