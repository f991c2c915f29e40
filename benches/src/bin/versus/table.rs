//! Medians, ratios, and the printed lines.

use crate::measure::Sample;
use crate::rows::{Kind, Row};

/// A row's samples: stock's and ours, pair by pair.
pub struct Result {
    /// The pair in which memory was sampled.
    pub memory: (Sample, Sample),
    pub pairs: Vec<(Sample, Sample)>,
}

impl Result {
    /// Stock's figure over ours: above 1, ours is the better one.
    pub fn ratio(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Time => self.median(|(stock, ours)| over(stock.seconds, ours.seconds)),
            Kind::Memory => over(self.memory.0.peak_mib, self.memory.1.peak_mib),
        }
    }

    pub fn met(&self, row: &Row) -> bool {
        self.ratio(row.kind) >= row.target
    }

    fn median(&self, figure: impl Fn(&(Sample, Sample)) -> f64) -> f64 {
        median(self.pairs.iter().map(figure).collect())
    }
}

fn over(stock: f64, ours: f64) -> f64 {
    // CPU times and samples of tiny runs may be 0.
    if ours > 0.0 { stock / ours } else { 1.0 }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        len if len % 2 == 1 => figures[middle],
        _ => (figures[middle - 1] + figures[middle]) / 2.0,
    }
}

/// The names of the columns.
pub fn header() {
    println!(
        "\n{:<16} {:>8} {:>8} {:>6} {:>6} {:<4} {:>6} {:>9} {:>9}  what",
        "row", "stock s", "ours s", "ratio", "target", "", "cpu", "stock MiB", "ours MiB"
    );
}

/// A row's line.
pub fn line(row: &Row, result: &Result) {
    println!(
        "{:<16} {:>8.3} {:>8.3} {:>6.2} {:>6.2} {:<4} {:>6.2} {:>9.1} {:>9.1}  {}",
        row.name,
        result.median(|(stock, _)| stock.seconds),
        result.median(|(_, ours)| ours.seconds),
        result.ratio(row.kind),
        row.target,
        if result.met(row) { "ok" } else { "MISS" },
        result.median(|(stock, ours)| over(stock.cpu, ours.cpu)),
        result.memory.0.peak_mib,
        result.memory.1.peak_mib,
        row.what
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_ratio_is_the_median_of_ratios() {
        let sample = |seconds, peak_mib| Sample { seconds, cpu: 1.0, peak_mib };
        let pairs = vec![
            (sample(2.0, 0.0), sample(1.0, 0.0)),
            (sample(9.0, 0.0), sample(3.0, 0.0)),
            (sample(8.0, 0.0), sample(2.0, 0.0)),
        ];
        let result = Result { memory: (sample(0.0, 30.0), sample(0.0, 20.0)), pairs };
        assert_eq!(result.ratio(Kind::Time), 3.0);
        assert_eq!(result.ratio(Kind::Memory), 1.5);
    }
}
