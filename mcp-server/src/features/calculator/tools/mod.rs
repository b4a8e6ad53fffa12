//! The tools, one file each.

mod advanced_calculate;
mod batch_calculate;
mod calculate;
mod demo_progress;
mod sample;

pub(super) use self::{
    advanced_calculate::AdvancedCalculate, batch_calculate::BatchCalculate, calculate::Calculate,
    demo_progress::DemoProgress, sample::Sample,
};
