//! A canvas that writes SVG: text is text, and a dark page has dark colours.

use std::fmt::Write;

use super::canvas::{self, Anchor, Canvas, Ink, LARGE, Point, SMALL, Text};

/// An SVG in the making.
pub struct Svg {
    text: String,
}

impl Svg {
    /// An empty picture with its title and a sentence about it, for whoever
    /// has it read aloud.
    pub fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<style>\n\
             text {{ font-family: system-ui, sans-serif }}\n",
            escaped(title),
            escaped(description)
        );
        let series = (0..canvas::SERIES).map(Ink::Series);
        let inks: Vec<Ink> =
            [Ink::Paper, Ink::Letters, Ink::Faint, Ink::Grid].into_iter().chain(series).collect();
        let rules = |colour: fn(Ink) -> u32| {
            inks.iter().fold(String::new(), |rules, ink| {
                let (class, colour) = (class(*ink), colour(*ink));
                rules
                    + &format!(
                        ".f{class} {{ fill: #{colour:06x} }} .s{class} {{ stroke: #{colour:06x} }}\n"
                    )
            })
        };
        text += &rules(Ink::light);
        text += "@media (prefers-color-scheme: dark) {\n";
        text += &rules(Ink::dark);
        text += "}\n</style>\n";
        Self { text }
    }

    /// The whole file.
    pub fn finish(self) -> String {
        self.text + "</svg>\n"
    }
}

impl Canvas for Svg {
    fn line(&mut self, points: &[Point], ink: Ink, width: f64, opacity: f64, dashed: bool) {
        let mut places: Vec<String> =
            points.iter().map(|p| format!("{:.1},{:.1}", p.0, p.1)).collect();
        places.dedup();
        let dash = if dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        let opacity = share("stroke-opacity", opacity);
        let _ = writeln!(
            self.text,
            "<polyline class=\"s{}\" fill=\"none\" stroke-width=\"{width}\"{opacity}{dash} \
             stroke-linejoin=\"round\" points=\"{}\"/>",
            class(ink),
            places.join(" ")
        );
    }

    fn dot(&mut self, at: Point, radius: f64, ink: Ink, opacity: f64) {
        let _ = writeln!(
            self.text,
            "<circle class=\"f{}\"{} cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>",
            class(ink),
            share("fill-opacity", opacity),
            at.0,
            at.1
        );
    }

    fn block(&mut self, at: Point, size: Point, ink: Ink, opacity: f64) {
        let _ = writeln!(
            self.text,
            "<rect class=\"f{}\"{} x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            class(ink),
            share("fill-opacity", opacity),
            at.0,
            at.1,
            size.0,
            size.1
        );
    }

    fn text(&mut self, at: Point, text: &str, set: Text) {
        let anchor = match set.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (size, weight) = if set.title { (LARGE, " font-weight=\"bold\"") } else { (SMALL, "") };
        let (x, y) = at;
        let turn =
            if set.turned { format!(" transform=\"rotate(-90 {x} {y})\"") } else { "".into() };
        let _ = writeln!(
            self.text,
            "<text class=\"f{}\" x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{weight} \
             text-anchor=\"{anchor}\"{turn}>{}</text>",
            class(set.ink),
            escaped(text)
        );
    }
}

/// A short name of an ink's class.
fn class(ink: Ink) -> String {
    match ink {
        Ink::Paper => "paper".into(),
        Ink::Letters => "ink".into(),
        Ink::Faint => "faint".into(),
        Ink::Grid => "grid".into(),
        Ink::Series(n) => format!("{}", n % canvas::SERIES),
    }
}

fn share(name: &str, opacity: f64) -> String {
    if opacity < 1.0 { format!(" {name}=\"{opacity:.2}\"") } else { String::new() }
}

/// Text in XML; control characters, which it cannot hold, become spaces.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_data_cannot_break_the_file() {
        let mut svg = Svg::new(10.0, 10.0, "a<b & \"c\"\u{1}", "");
        svg.text((1.0, 1.0), "</text><script>", Text::title());
        let text = svg.finish();
        assert!(text.contains(">a&lt;b &amp; &quot;c&quot; <"), "{text}");
        assert!(!text.contains("<script"));
    }
}
