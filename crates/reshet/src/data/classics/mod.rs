//! Small well-known tables inside the program: Iris, breast cancer, heights of families, points
//! around a line.
//!
//! Iris: R. A. Fisher, UCI Machine Learning Repository, doi:10.24432/C56C76. Breast cancer:
//! W. Wolberg, O. Mangasarian, N. Street and W. Street, UCI Machine Learning Repository,
//! doi:10.24432/C5DW2B. Both under CC BY 4.0, taken from scikit-learn; see `ATTRIBUTION.md`
//! beside the files. The heights: F. Galton, Regression towards Mediocrity in Hereditary Stature,
//! 1886, in the public domain.

mod galton;

use std::io::Read;

use flate2::read::GzDecoder;

use super::table::{Table, TableBuilder, csv};
use crate::{Result, error::Error, network::did_you_mean};

/// A table inside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classic {
    /// 150 flowers: four lengths in cm, and the species (setosa, versicolor, virginica).
    Iris,
    /// 569 tissue samples: 30 measurements of cell nuclei, and the diagnosis (malignant, benign).
    BreastCancer,
    /// 928 grown children: the height of their parents and their own, in inches.
    Galton,
    /// 100 points around the line y ≈ 80x + 54: x and y.
    Line,
}

impl Classic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Iris, Self::BreastCancer, Self::Galton, Self::Line];

    /// Returns the name: `iris`, `breast-cancer`, `galton`, `line`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iris => "iris",
            Self::BreastCancer => "breast-cancer",
            Self::Galton => "galton",
            Self::Line => "line",
        }
    }

    /// Finds the table of this name.
    ///
    /// # Errors
    /// There is none; lists the names.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|classic| classic.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let guess = did_you_mean(name, &names);
            Error::invalid(format!("no table in the program is called \"{name}\"{guess}"))
        })
    }

    /// Says what it is, where it is from, and its licence.
    pub fn about(self) -> &'static str {
        match self {
            Self::Iris => {
                "Iris: 150 flowers of three species, four lengths in cm. R. A. Fisher, UCI Machine \
                 Learning Repository, doi:10.24432/C56C76, CC BY 4.0; as in scikit-learn, which \
                 corrected two rows."
            }
            Self::BreastCancer => {
                "Breast Cancer Wisconsin (Diagnostic): 569 tissue samples, 30 measurements of cell \
                 nuclei. W. Wolberg, O. Mangasarian, N. Street, W. Street, UCI Machine Learning \
                 Repository, doi:10.24432/C5DW2B, CC BY 4.0; as in scikit-learn."
            }
            Self::Galton => {
                "Heights in inches of 928 grown children and of their parents (the mean of both, \
                 mothers' and daughters' times 1.08), in classes an inch wide. F. Galton, Regression \
                 towards Mediocrity in Hereditary Stature, 1886, table I; public domain."
            }
            Self::Line => {
                "100 points around a line: scikit-learn's make_regression(100, 1, noise=20, \
                 random_state=1, bias=50)."
            }
        }
    }

    /// Returns the table as CSV with a header.
    ///
    /// # Errors
    /// The packed file is damaged, which a correct build rules out.
    pub fn csv(self) -> Result<String> {
        let packed: &[u8] = match self {
            Self::Iris => include_bytes!("iris.csv.gz"),
            Self::BreastCancer => include_bytes!("breast_cancer.csv.gz"),
            Self::Line => include_bytes!("line.csv.gz"),
            Self::Galton => return Ok(galton::csv()),
        };
        let mut text = String::new();
        let read = GzDecoder::new(packed).read_to_string(&mut text);
        read.map_err(|e| Error::data(format!("{}: {e}", self.name())))?;
        Ok(text)
    }

    /// Returns the table; its target is the last column.
    ///
    /// ```
    /// use reshet::{Prepare, data::classics::Classic};
    /// let parts = Prepare::new().test(0.2).of(Classic::Iris.table()?)?;
    /// assert_eq!((parts.train.len(), parts.train.width()), (120, 4));
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Classic::csv`].
    pub fn table(self) -> Result<Table> {
        let text = self.csv()?;
        let mut lines = text.lines();
        let names = lines.next().unwrap_or_default().split(',').map(String::from).collect();
        let mut builder = TableBuilder::new(self.name(), names, &csv::Options::default())?;
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            builder.row(cells)?;
        }
        builder.table()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Prepare, Targets};

    #[test]
    fn they_have_their_rows_and_classes() {
        let counts = |classic: Classic| {
            let parts = Prepare::new().of(classic.table().unwrap()).unwrap();
            let data = parts.train;
            let counts = match data.targets() {
                Targets::Classes { labels, names, .. } => {
                    let count = |c: usize| labels.iter().filter(|l| **l as usize == c).count();
                    (0..names.len()).map(count).collect()
                }
                Targets::YesNo { values, .. } => {
                    let yes = values.iter().filter(|y| **y == 1.0).count();
                    vec![values.len() - yes, yes]
                }
                Targets::Numbers { .. } => Vec::new(),
            };
            (data.len(), data.width(), counts)
        };
        assert_eq!(counts(Classic::Iris), (150, 4, vec![50, 50, 50]));
        let (rows, width, mut classes) = counts(Classic::BreastCancer);
        classes.sort_unstable();
        assert_eq!((rows, width, classes), (569, 30, vec![212, 357]));
        assert_eq!(counts(Classic::Galton), (928, 1, vec![]));
        assert_eq!(counts(Classic::Line), (100, 1, vec![]));
    }

    #[test]
    fn names_are_found_and_guessed() {
        for classic in Classic::ALL {
            assert_eq!(Classic::named(classic.name()).unwrap(), classic);
            assert!(!classic.about().is_empty());
        }
        let error = Classic::named("irs").unwrap_err().to_string();
        assert!(error.contains("iris"), "{error}");
    }
}
