//! The list of chapters.

use anyhow::Result;

use super::{
    descent, flats, game, line, pictures, plane,
    stage::{Figure, Stage, Words},
    tables,
};

/// A chapter.
pub struct Chapter {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Its number in the book.
    pub number: &'static str,
    pub title: Words,
    pub about: Words,
    pub run: fn(&mut Stage) -> Result<Vec<Figure>>,
    /// Whether it needs Fashion-MNIST.
    pub clothes: bool,
}

const fn chapter(
    name: &'static str,
    number: &'static str,
    title: Words,
    about: Words,
    run: fn(&mut Stage) -> Result<Vec<Figure>>,
) -> Chapter {
    Chapter { name, number, title, about, run, clothes: false }
}

const fn clothes(chapter: Chapter) -> Chapter {
    Chapter { clothes: true, ..chapter }
}

pub const CHAPTERS: [Chapter; 22] = [
    chapter(
        "descent",
        "5",
        Words::new("Descent in one variable", "ירידה במשתנה אחד"),
        Words::new("a ball on a curve; the learning rate", "כדור על עקומה; קצב הלמידה"),
        descent::one_variable,
    ),
    chapter(
        "landscape",
        "6",
        Words::new("Descent in two variables", "ירידה בשני משתנים"),
        Words::new("a path on a landscape", "מסלול על נוף"),
        descent::two_variables,
    ),
    chapter(
        "point",
        "7",
        Words::new("A line through a point", "ישר דרך נקודה"),
        Words::new("one weight, a parabola of loss", "משקל אחד, פרבולה של מחיר"),
        line::one_point,
    ),
    chapter(
        "five",
        "8",
        Words::new("A line through five points", "ישר דרך חמש נקודות"),
        Words::new("mean square error", "שגיאה ריבועית ממוצעת"),
        line::five_points,
    ),
    chapter(
        "linear",
        "9",
        Words::new("A linear layer", "שכבה ליניארית"),
        Words::new("weight and bias, 100 points", "משקל והיסט, 100 נקודות"),
        line::linear,
    ),
    chapter(
        "flats",
        "10",
        Words::new("Scaled inputs", "נרמול קלטים"),
        Words::new("why raw numbers diverge", "למה מספרים גולמיים מתבדרים"),
        flats::scaling,
    ),
    chapter(
        "floors",
        "11",
        Words::new("Two inputs", "שני קלטים"),
        Words::new("area and floor of flats", "שטח וקומה של דירות"),
        flats::two_inputs,
    ),
    chapter(
        "cost",
        "13",
        Words::new("Logistic regression", "רגרסיה לוגיסטית"),
        Words::new("sigmoid and cross entropy", "סיגמואיד ואנטרופיה צולבת"),
        flats::cost,
    ),
    chapter(
        "cancer",
        "14",
        Words::new("Malignant or benign", "ממאיר או שפיר"),
        Words::new("one neuron, 30 measurements", "נוירון אחד, 30 מדידות"),
        tables::breast_cancer,
    ),
    chapter(
        "virginica",
        "14",
        Words::new("Is it a virginica?", "האם זו וירג'יניקה?"),
        Words::new("a line is enough", "ישר מספיק"),
        tables::virginica,
    ),
    chapter(
        "versicolor",
        "14",
        Words::new("Is it a versicolor?", "האם זו ורסיקולור?"),
        Words::new(
            "no line is; always \"no\" scores more",
            "ישר אינו מספיק; \"לא\" תמיד צודק יותר",
        ),
        tables::versicolor,
    ),
    chapter(
        "seven",
        "15",
        Words::new("Is it a 7?", "האם זה 7?"),
        Words::new("our lecture: a hidden layer", "ההרצאה שלנו: שכבה נסתרת"),
        pictures::lecture,
    ),
    clothes(chapter(
        "dress",
        "16",
        Words::new("Is it a dress?", "האם זו שמלה?"),
        Words::new("clothes in place of digits", "בגדים במקום ספרות"),
        pictures::dress,
    )),
    clothes(chapter(
        "footwear",
        "16",
        Words::new("Is it footwear?", "האם זו הנעלה?"),
        Words::new("a yes of several classes", "\"כן\" של כמה מחלקות"),
        pictures::footwear,
    )),
    chapter(
        "digits",
        "17",
        Words::new("Ten digits", "עשר ספרות"),
        Words::new("softmax and cross entropy", "softmax ואנטרופיה צולבת"),
        pictures::digits_ten,
    ),
    chapter(
        "iris",
        "18",
        Words::new("Three irises", "שלושה אירוסים"),
        Words::new("three classes of a table", "שלוש מחלקות של טבלה"),
        tables::iris,
    ),
    clothes(chapter(
        "clothes",
        "18",
        Words::new("Ten kinds of clothes", "עשרה סוגי בגדים"),
        Words::new("harder than digits", "קשה יותר מספרות"),
        pictures::clothes_ten,
    )),
    chapter(
        "save",
        "19",
        Words::new("Save and load", "שמירה וטעינה"),
        Words::new("a file gives the same answers", "קובץ נותן אותן תשובות"),
        pictures::save,
    ),
    chapter(
        "overfitting",
        "19b",
        Words::new("Overfitting", "התאמת יתר"),
        Words::new("learning by heart, and what helps", "למידה בעל פה, ומה עוזר"),
        tables::overfitting,
    ),
    chapter(
        "waves",
        "23",
        Words::new("A curve", "עקומה"),
        Words::new("a line cannot bend", "ישר אינו מתעקל"),
        plane::waves,
    ),
    chapter(
        "moons",
        "24",
        Words::new("Two moons", "שני ירחים"),
        Words::new("a boundary that bends", "גבול שמתעקל"),
        plane::moons,
    ),
    chapter(
        "tictactoe",
        "RL 11",
        Words::new("A network that plays", "רשת שמשחקת"),
        Words::new("tic-tac-toe by deep Q-learning", "איקס עיגול בלמידת Q עמוקה"),
        game::tictactoe,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_both_languages_say_something() {
        for (i, chapter) in CHAPTERS.iter().enumerate() {
            assert!(CHAPTERS[..i].iter().all(|other| other.name != chapter.name));
            for words in [chapter.title, chapter.about] {
                assert!(!words.en.contains(|c| ('א'..='ת').contains(&c)), "{}", words.en);
                assert!(words.he.contains(|c| ('א'..='ת').contains(&c)), "{}", words.he);
            }
        }
    }
}
