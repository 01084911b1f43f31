//! A network as a picture: layers, nodes and connections, as on the slide.

use std::fmt::Write;

use reshet::{Layer, Sequential, network::thousands};

/// Nodes of a layer that are drawn; of a wider one only the first and last few.
const MOST: usize = 12;
const COLUMN: f64 = 210.0;
const ROW: f64 = 32.0;
const RADIUS: f64 = 9.0;
const MARGIN: f64 = 90.0;
const TOP: f64 = 70.0;

/// A layer of nodes.
struct Column {
    width: usize,
    title: String,
    /// What follows it: `ReLU`, …
    then: Vec<String>,
}

impl Column {
    /// The nodes drawn, by their place from the top; None is the gap.
    fn slots(&self) -> Vec<Option<usize>> {
        if self.width <= MOST {
            return (0..self.width).map(Some).collect();
        }
        let half = MOST / 2;
        let first = (0..half).map(Some);
        let last = (self.width - half + 1..self.width).map(Some);
        first.chain([None]).chain(last).collect()
    }

    fn centre(&self, slot: usize, height: f64) -> f64 {
        TOP + (height - TOP - MARGIN) / 2.0
            + (slot as f64 - (self.slots().len() - 1) as f64 / 2.0) * ROW
    }
}

/// The network as SVG.
pub fn draw(network: &Sequential) -> String {
    let columns = columns(network);
    let rows = columns.iter().map(|c| c.slots().len()).max().unwrap_or(1);
    let height = TOP + MARGIN + rows as f64 * ROW;
    let width = 2.0 * MARGIN + (columns.len() - 1) as f64 * COLUMN;
    let x = |i: usize| MARGIN + i as f64 * COLUMN;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" text-anchor=\"middle\" \
         role=\"img\">\n<title>{network}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <g stroke=\"#5b7aa8\" stroke-width=\"0.6\" stroke-opacity=\"0.45\">\n"
    );
    for (i, pair) in columns.windows(2).enumerate() {
        for (a, from) in pair[0].slots().iter().enumerate() {
            for (b, to) in pair[1].slots().iter().enumerate() {
                if from.is_some() && to.is_some() {
                    let (y1, y2) = (pair[0].centre(a, height), pair[1].centre(b, height));
                    let (x1, x2) = (x(i) + RADIUS, x(i + 1) - RADIUS);
                    let _ =
                        writeln!(svg, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
                }
            }
        }
    }
    svg += "</g>\n";
    for (i, column) in columns.iter().enumerate() {
        let fill = match i {
            0 => "#f2c14e",
            _ if i + 1 == columns.len() => "#e4572e",
            _ => "#4d9de0",
        };
        let _ = writeln!(svg, "<g fill=\"{fill}\" stroke=\"#333\" stroke-width=\"0.8\">");
        for (slot, node) in column.slots().iter().enumerate() {
            let y = column.centre(slot, height);
            let _ = match node {
                Some(_) => writeln!(svg, "<circle cx=\"{}\" cy=\"{y}\" r=\"{RADIUS}\"/>", x(i)),
                None => writeln!(
                    svg,
                    "<text x=\"{}\" y=\"{}\" fill=\"#333\" stroke=\"none\" font-size=\"20\">⋮</text>",
                    x(i),
                    y + 7.0
                ),
            };
        }
        svg += "</g>\n";
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"28\" font-size=\"14\" font-weight=\"bold\" fill=\"#222\">{}</text>\n\
             <text x=\"{}\" y=\"48\" font-size=\"12\" fill=\"#555\">{}</text>",
            x(i),
            column.title,
            x(i),
            thousands(column.width),
        );
        for (line, name) in column.then.iter().enumerate() {
            let y = height - MARGIN / 2.0 + 16.0 * line as f64;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{y}\" font-size=\"12\" fill=\"#222\">{name}</text>",
                x(i)
            );
        }
    }
    svg += "</svg>\n";
    svg
}

fn columns(network: &Sequential) -> Vec<Column> {
    let mut columns = vec![Column { width: network.inputs(), title: "input".into(), then: vec![] }];
    let layers = network.linears().count();
    for layer in network.layers() {
        match layer {
            Layer::Linear(_, outputs) => {
                let number = columns.len();
                let title =
                    if number == layers { "output".into() } else { format!("hidden {number}") };
                columns.push(Column { width: *outputs, title, then: vec![] });
            }
            other => {
                if let Some(column) = columns.last_mut() {
                    column.then.push(other.to_string());
                }
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_layers_are_drawn_whole_and_wide_ones_abridged() {
        let svg = draw(&"4-3:relu-2".parse().unwrap());
        assert_eq!(svg.matches("<circle").count(), 9);
        assert_eq!(svg.matches("<line").count(), 4 * 3 + 3 * 2);
        let svg = draw(&"784-100:relu-1:sigmoid".parse().unwrap());
        assert_eq!(svg.matches("<circle").count(), 11 + 11 + 1);
        assert_eq!(svg.matches('⋮').count(), 2);
        assert!(svg.contains("hidden 1") && svg.contains("output") && svg.contains("Sigmoid"));
    }
}
