//! How the numbers of a table become inputs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Result, error::Error};

/// How numbers become inputs, column by column; learnt from the training part alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// z = (x − mean) / standard deviation. Where values lie far out: median and quartiles, bent
    /// softly so that none is beyond ±3.
    #[default]
    Standard,
    /// (x − smallest) / (largest − smallest): from 0 to 1 in the training part.
    MinMax,
    /// As they are.
    None,
    /// As [`Scaling::Standard`], and an input for each piece between quantiles: the share of the
    /// piece that lies below x. So a network fits effects of a number that are not smooth. At most
    /// 16 pieces; none for fewer than 500 numbers, of which a network would learn the noise, and
    /// none in tables of more than 4,000,000 cells, for the memory's sake (piecewise-linear
    /// encoding: Gorishniy et al. 2022).
    Piecewise,
    /// As [`Scaling::Piecewise`], also for fewer than 500 numbers.
    PiecewiseAlways,
}

impl Scaling {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Standard, Self::MinMax, Self::None, Self::Piecewise, Self::PiecewiseAlways];

    /// Returns the name: `standard`, `min-max`, `none`, `piecewise`, `piecewise-always`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::MinMax => "min-max",
            Self::None => "none",
            Self::Piecewise => "piecewise",
            Self::PiecewiseAlways => "piecewise-always",
        }
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scaling {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scaling| scaling.name() == name);
        let names = Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| {
            Error::invalid(format!("scaling \"{name}\": the ways to scale are {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Model, Prepare, Trainer,
        data::table::{ColumnKind, Table, TableBuilder, csv},
        sequential,
    };

    fn table() -> Table {
        let names = ["size", "same", "far", "y"].map(String::from).to_vec();
        let mut builder = TableBuilder::new("t", names, &csv::Options::default()).unwrap();
        for i in 0..40 {
            // The last is far out, where the standard way bends.
            let far = if i == 39 { 10_000 } else { i };
            let cells = [format!("{}", 90 + i), "5".into(), far.to_string(), (2 * i).to_string()];
            builder.row(cells.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        }
        builder.table().unwrap()
    }

    #[test]
    fn names_are_read() {
        for scaling in Scaling::ALL {
            assert_eq!(scaling.name().parse::<Scaling>().unwrap(), scaling);
        }
        assert!("minmax".parse::<Scaling>().unwrap_err().to_string().contains("min-max"));
    }

    #[test]
    fn min_max_goes_from_0_to_1_and_is_kept_by_the_model() {
        let prepare = Prepare::new().keep_columns(true).scaling(Scaling::MinMax);
        let data = prepare.of(table()).unwrap().train;
        let mut row = [9.0; 3];
        let mut ends = [(f32::MAX, f32::MIN); 3];
        for i in 0..data.len() {
            data.features().read(i, &mut row);
            for (end, x) in ends.iter_mut().zip(row) {
                *end = (end.0.min(x), end.1.max(x));
            }
        }
        assert_eq!(ends, [(0.0, 1.0), (0.0, 0.0), (0.0, 1.0)]);

        let fit = Trainer::new(sequential![Linear(3, 1)].unwrap()).epochs(1).fit(&data).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        fit.model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        let columns = loaded.meaning().columns.clone().unwrap();
        let ColumnKind::Number { centre, scale, bend, .. } = &columns.inputs[0].kind else {
            panic!()
        };
        assert_eq!((*centre, *scale, *bend), (90.0, 39.0, false));
        let again = loaded.meaning().dataset(table()).unwrap();
        let answers =
            |model: &Model, data: &crate::Dataset| model.predict(data.features()).unwrap();
        assert_eq!(answers(&loaded, &again), answers(&fit.model, &data));
    }

    #[test]
    fn what_was_is_as_it_was() {
        let of = |prepare: Prepare| {
            let data = prepare.keep_columns(true).of(table()).unwrap().train;
            let mut row = [0.0; 3];
            data.features().read(7, &mut row);
            row
        };
        assert_eq!(of(Prepare::new()), of(Prepare::new().scaling(Scaling::Standard)));
        assert_eq!(of(Prepare::new().plain(true)), of(Prepare::new().scaling(Scaling::None)));
        assert_eq!(of(Prepare::new().plain(true)), [97.0, 5.0, 7.0]);
    }

    #[test]
    fn pieces_say_how_much_of_each_lies_below() {
        let names = ["size", "few", "y"].map(String::from).to_vec();
        let mut builder = TableBuilder::new("t", names, &csv::Options::default()).unwrap();
        for i in 0..1601 {
            let cells = [(i * i).to_string(), (i % 3).to_string(), (2 * i).to_string()];
            builder.row(cells.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        }
        let prepare = Prepare::new().scaling(Scaling::Piecewise);
        let data = prepare.of(builder.table().unwrap()).unwrap().train;
        let columns = data.features().columns().unwrap();
        let names = columns.input_names();
        // Three values have two pieces between them.
        assert_eq!(names[..3], ["size", "size 0 to 10000", "size 10000 to 40000"]);
        assert_eq!(names[16..], ["size 2250000 to 2560000", "few", "few 0 to 1", "few 1 to 2"]);
        let mut row = [0.0; 20];
        data.features().read(150, &mut row);
        let share = (150.0 * 150.0 - 10_000.0) / 30_000.0;
        assert!((row[2] - share).abs() < 1e-5, "{row:?}");
        assert_eq!((row[1], row[3], row[19]), (1.0, 0.0, 0.0));
        // At the end of a piece, but for the rounding of z.
        assert!(row[18] < 1e-6, "{row:?}");
        // Few rows are not enough for pieces.
        let data = Prepare::new().scaling(Scaling::Piecewise).of(table()).unwrap().train;
        assert_eq!(data.width(), 2);
    }
}
