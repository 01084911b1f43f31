//! `reshet train … --find-lr`: the curve of the learning-rate range test.

use std::process::ExitCode;

use anyhow::Result;
use reshet::{Dataset, Ended, Event, LrCurve, Trainer};
use serde_json::json;

use crate::{
    drawing::chart::{Axis, Chart, Look, number},
    exit,
    run::Run,
    say,
    terminal::{self, bold, tell},
};

/// Tries the rates, draws the curve, says which rate to take.
pub fn run(run: &Run, trainer: Trainer, data: &Dataset, as_json: bool) -> Result<ExitCode> {
    let bar = terminal::bar(0, "{wide_bar} {pos}/{len} rates");
    let curve = trainer
        .on_event(|event| {
            if let Event::Step { step, steps, .. } = event {
                bar.set_length(*steps as u64);
                bar.set_position(*step as u64 + 1);
            }
            terminal::carry_on()
        })
        .find_lr(data);
    bar.finish_and_clear();
    let curve = curve?;
    // As many digits as the test knows.
    let suggested = curve.suggested.and_then(|lr| format!("{lr:.1e}").parse::<f64>().ok());
    let chart = chart(&curve, suggested);
    chart.save(&run.path(""), "find-lr")?;

    if as_json {
        let points = curve.points.iter();
        let point =
            |p: &reshet::LrPoint| json!({"lr": p.lr, "loss": p.loss, "smoothed": p.smoothed});
        let points: Vec<_> = points.map(point).collect();
        say!("{}", json!({"suggested_lr": suggested, "points": points}));
    } else {
        if !terminal::quiet() {
            say!("{}\n", chart.text(terminal::columns().unwrap_or(80), terminal::colour()));
        }
        if let Some(lr) = suggested {
            say!("{}", bold(&format!("suggested: --lr {lr}")));
            say!(
                "a quarter of the rate with the lowest loss; drawn in {}",
                run.path("find-lr.svg").display()
            );
        }
    }
    if curve.ended == Ended::Asked {
        tell(&format!("interrupted after {} rates", curve.points.len()));
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    if suggested.is_none() {
        tell(
            "no rate made the loss fall: look at the data, or give the steps more samples (--batch-size)",
        );
        return Ok(ExitCode::from(exit::FAILURE));
    }
    Ok(ExitCode::SUCCESS)
}

fn chart(curve: &LrCurve, suggested: Option<f64>) -> Chart {
    let points = || curve.points.iter();
    let smooth: Vec<_> = points().map(|p| (p.lr, p.smoothed)).collect();
    // The end, where the loss breaks, would press all else flat.
    let lowest = points().map(|p| p.smoothed).fold(f64::INFINITY, f64::min);
    let first = curve.points.first().map_or(1.0, |p| p.smoothed);
    let (top, least) = (first + (first - lowest).max(first.abs() * 0.2), lowest);
    let room = (top - least) * 0.08;
    let low = if least >= 0.0 { (least - room).max(0.0) } else { least - room };
    let mut y = Axis::linear("loss");
    if low < top {
        y = y.range(low, top);
    }
    let mut chart = Chart::new("Loss at each learning rate", Axis::log("learning rate"), y)
        .with(Look::Faint, "", points().map(|p| (p.lr, p.loss)).collect())
        .with(Look::Line, "loss, smoothed", smooth);
    if let Some(lr) = suggested {
        let at = points().min_by(|a, b| (a.lr - lr).abs().total_cmp(&(b.lr - lr).abs()));
        let at = at.map_or((lr, first), |p| (lr, p.smoothed));
        chart = chart.with(Look::Mark, format!("suggested: {}", number(lr)), vec![at]);
    }
    chart
}
