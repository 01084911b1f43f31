//! The functions that are descended, and the descents whose ends the book prints.

use reshet::SGD;

use super::descend;

/// A place on a landscape.
pub type Place = (f64, f64);

/// A function of one variable, and its derivative.
pub struct Curve {
    /// As formulas are written in plain text.
    pub name: &'static str,
    /// What of it is drawn.
    pub shown: (f64, f64),
    /// The function.
    pub f: fn(f64) -> f64,
    /// Its derivative.
    pub slope: fn(f64) -> f64,
}

const BOWL: Curve = Curve {
    name: "w^2 - 4w + 8",
    shown: (-2.0, 6.0),
    f: |w| w * w - 4.0 * w + 8.0,
    slope: |w| 2.0 * w - 4.0,
};
const TWO_VALLEYS: Curve = Curve {
    name: "w^4 + 3w^3 - w^2 - 3w",
    shown: (-4.1, 2.1),
    f: |w| w.powi(4) + 3.0 * w.powi(3) - w * w - 3.0 * w,
    slope: |w| 4.0 * w.powi(3) + 9.0 * w * w - 2.0 * w - 3.0,
};
const SINE: Curve = Curve {
    name: "x^2 sin x",
    shown: (-5.5, 3.0),
    f: |x| x * x * x.sin(),
    slope: |x| 2.0 * x * x.sin() + x * x * x.cos(),
};
const COSINE: Curve = Curve {
    name: "x^2 cos x",
    shown: (-5.5, 5.0),
    f: |x| x * x * x.cos(),
    slope: |x| 2.0 * x * x.cos() - x * x * x.sin(),
};
const HILLS: Curve = Curve {
    name: "exp(-(x+2)^2) + exp(-(x-2)^2) - 1/2",
    shown: (-5.0, 5.0),
    f: |x| (-(x + 2.0).powi(2)).exp() + (-(x - 2.0).powi(2)).exp() - 0.5,
    slope: |x| {
        let hill = |c: f64| -2.0 * (x - c) * (-(x - c).powi(2)).exp();
        hill(-2.0) + hill(2.0)
    },
};
const WAVE: Curve = Curve {
    name: "sin 3x + cos 2x",
    shown: (-3.0, 3.0),
    f: |x| (3.0 * x).sin() + (2.0 * x).cos(),
    slope: |x| 3.0 * (3.0 * x).cos() - 2.0 * (2.0 * x).sin(),
};

/// Descent on a curve, and where the book ends.
pub struct Walk {
    /// What is descended.
    pub curve: Curve,
    /// From here.
    pub start: f64,
    /// The learning rate.
    pub lr: f64,
    /// Steps.
    pub steps: usize,
    /// Where the book ends.
    pub ends: f64,
}

const fn walk(curve: Curve, start: f64, lr: f64, steps: usize, ends: f64) -> Walk {
    Walk { curve, start, lr, steps, ends }
}

/// Those of chapter 5.
pub const WALKS: [Walk; 16] = [
    walk(BOWL, 5.5, 0.1, 300, 2.0),
    walk(BOWL, 5.5, 0.01, 50, 3.275),
    walk(BOWL, 5.5, 0.5, 50, 2.0),
    walk(BOWL, 5.5, 0.9, 50, 2.0),
    walk(BOWL, 5.5, 1.0, 50, 5.5),
    walk(BOWL, 5.5, 1.05, 50, 412.9),
    walk(TWO_VALLEYS, 2.0, 0.01, 1000, 0.607),
    walk(TWO_VALLEYS, -4.0, 0.01, 1000, -2.326),
    walk(SINE, 2.0, 0.1, 300, 0.011),
    walk(SINE, -0.1, 0.1, 300, -2.289),
    walk(SINE, -5.0, 0.1, 300, -2.289),
    walk(COSINE, 2.0, 0.1, 300, 3.644),
    walk(COSINE, -5.0, 0.1, 300, -3.644),
    walk(COSINE, -0.1, 0.1, 300, 0.0),
    walk(HILLS, 1.5, 0.1, 300, 0.0),
    walk(WAVE, 0.0, 0.1, 300, -0.767),
];

impl Walk {
    /// All places of SGD, the start first.
    pub fn places(&self) -> Vec<f64> {
        let slope = |w: &[f64]| vec![(self.curve.slope)(w[0])];
        let places = descend(&slope, &SGD::new(self.lr).into(), &[self.start], self.steps);
        places.iter().map(|place| place[0]).collect()
    }

    /// What it is called.
    pub fn name(&self) -> String {
        let Self { curve, start, lr, steps, .. } = self;
        format!("{} from {start}, lr {lr}, {steps} steps: ends at", curve.name)
    }
}

/// A function of two variables.
pub struct Landscape {
    /// As formulas are written in plain text.
    pub name: &'static str,
    /// What of it is drawn, along both axes.
    pub shown: (f64, f64),
    /// The function.
    pub f: fn(Place) -> f64,
}

/// Hills and valleys of different depths.
pub const PEAKS: Landscape = Landscape {
    name: "peaks",
    shown: (-3.0, 3.0),
    f: |(x, y)| {
        3.0 * (1.0 - x).powi(2) * (-x * x - (y + 1.0).powi(2)).exp()
            - 10.0 * (x / 5.0 - x.powi(3) - y.powi(5)) * (-x * x - y * y).exp()
            - (-(x + 1.0).powi(2) - y * y).exp() / 3.0
    },
};
const DIMPLE: Landscape = Landscape {
    name: "x exp(-x^2 - y^2)",
    shown: (-2.0, 2.0),
    f: |(x, y)| x * (-x * x - y * y).exp(),
};
const THREE_HUMPS: Landscape = Landscape {
    name: "three-hump camel",
    shown: (-2.2, 2.2),
    f: |(x, y)| 2.0 * x * x - 1.05 * x.powi(4) + x.powi(6) / 6.0 + x * y + y * y,
};
const SIX_HUMPS: Landscape = Landscape {
    name: "six-hump camel",
    shown: (-1.8, 1.8),
    f: |(x, y)| {
        x * x * (4.0 - 2.1 * x * x + x.powi(4) / 3.0) + x * y + y * y * (-4.0 + 4.0 * y * y)
    },
};

impl Landscape {
    /// The gradient, by central differences.
    pub fn gradient(&self, (x, y): Place) -> Place {
        const H: f64 = 1e-5;
        let f = self.f;
        ((f((x + H, y)) - f((x - H, y))) / (2.0 * H), (f((x, y + H)) - f((x, y - H))) / (2.0 * H))
    }

    /// All places of SGD, the start first.
    pub fn path(&self, (x, y): Place, lr: f64, steps: usize) -> Vec<Place> {
        let gradient = |place: &[f64]| {
            let (dx, dy) = self.gradient((place[0], place[1]));
            vec![dx, dy]
        };
        let places = descend(&gradient, &SGD::new(lr).into(), &[x, y], steps);
        places.iter().map(|place| (place[0], place[1])).collect()
    }
}

/// Descent on a landscape, and where the book ends.
pub type Hike = (Landscape, Place, f64, usize, Place);

/// Those of chapter 6.
pub const HIKES: [Hike; 11] = [
    (PEAKS, (1.5, -1.0), 0.01, 200, (0.228, -1.626)),
    (PEAKS, (-1.0, -1.0), 0.01, 200, (-1.347, 0.205)),
    (PEAKS, (0.0, 1.5), 0.1, 200, (0.296, 0.320)),
    (PEAKS, (0.0, 2.0), 0.1, 200, (0.005, 3.990)),
    (PEAKS, (0.0, -1.0), 0.01, 200, (0.228, -1.626)),
    (PEAKS, (-2.0, 0.0), 0.01, 200, (-1.347, 0.205)),
    (PEAKS, (-2.0, 0.0), 0.5, 200, (3.36, 1.81)),
    (DIMPLE, (0.5, 1.0), 0.01, 2000, (-0.707, 0.0)),
    (THREE_HUMPS, (1.0, 0.0), 0.01, 2000, (0.0, 0.0)),
    (SIX_HUMPS, (1.0, 0.0), 0.01, 2000, (0.090, -0.713)),
    (SIX_HUMPS, (1.0, 0.5), 0.01, 2000, (-0.090, 0.713)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_functions_own() {
        for Curve { name, f, slope, .. } in [BOWL, TWO_VALLEYS, SINE, COSINE, HILLS, WAVE] {
            for x in [-2.3, -0.4, 0.7, 1.9] {
                let near = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
                assert!((slope(x) - near).abs() < 1e-6, "{name} at {x}");
            }
        }
    }
}
