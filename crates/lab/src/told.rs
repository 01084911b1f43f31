//! What the program says, as its kind with its values: a page says it in its reader's language.
//!
//! Decisions about a table, doubts about it and errors come as English sentences. A sentence
//! is known by its words around the values; one that is not known is told as it is.

use std::collections::BTreeMap;

use reshet::Error;
use serde::Serialize;

/// A sentence: its kind with its values, and its own English words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Told {
    pub kind: Kind,
    pub values: BTreeMap<String, String>,
    /// Those of its values that are sentences of their own.
    pub parts: BTreeMap<String, Told>,
    /// Where it is about one place of a file.
    pub place: Option<Place>,
    /// Where it is about a setting.
    pub setting: Option<Setting>,
    pub text: String,
}

/// A setting as the command line calls it, and its value; empty where that is not the point.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Setting {
    pub name: String,
    pub value: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Place {
    pub file: String,
    #[cfg_attr(test, ts(type = "number"))]
    pub line: u64,
    pub column: Option<String>,
}

/// Declares the kinds, each with its sentence; the first that fits is taken.
macro_rules! sentences {
    ($($kind:ident: $sentence:literal,)*) => {
        /// The kinds of sentences.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $($kind,)*
            /// None of these: its text says it.
            Other,
        }

        const SENTENCES: &[(Kind, &str)] = &[$((Kind::$kind, $sentence),)*];
    };
}

sentences! {
    // How a table was read.
    ShapeAs: "{file}: {rows} rows, {columns} columns; {how}",
    Shape: "{file}: {rows} rows, {columns} columns",
    LastColumn: "target: {column}, the last column",
    AskYesNo: "question: yes or no, {yes} against {no} ({why})",
    AskSeveral: "question: {n} times yes or no ({why})",
    AskClass: "question: which class, {names} ({why})",
    AskAmount: "question: how much ({why})",
    NamesAgain: "{n} rows with the columns' names again, passed over",
    NameAgain: "{n} row with the columns' names again, passed over",
    NoTarget: "{n} rows have no target and are passed over",
    GapsInTargets: "{n} targets are missing in rows that have others; these alone do not count",
    LeftOut: "left out: {column} ({why})",
    TakenForMissing: "taken for missing: \"{word}\" in {n} cells of {columns}",
    TakenForMissingOnce: "taken for missing: \"{word}\" in {n} cell of {columns}",
    NumbersWritten: "numbers of {column}: \"{example}\" is {number}",
    LeadingZeros: "words of {column}: \"{word}\" (line {line}) has leading zeros",
    ManyDigits: "words of {column}: \"{word}\" (line {line}) has more digits than a number holds",
    DatesOpen: "dates of {column}: \"{example}\" is {date}, nothing in the file says whether day or month is first; its {parts} are columns of their own",
    Dates: "dates of {column}: \"{example}\" is {date}; its {parts} are columns of their own",
    NamesInComment: "the columns' names stand in a comment",
    Arff: "an ARFF file: its attributes are the columns' names",
    Title: "a title passed over: \"{title}\"",
    Titles: "{n} lines of titles passed over, the first \"{title}\"",
    Encoding: "its text is taken for {encoding}",
    CellsHeadedMore: "cells apart by {separator}, with a header, {rest}",
    CellsHeaded: "cells apart by {separator}, with a header",
    CellsBareMore: "cells apart by {separator}, without a header, {rest}",
    CellsBare: "cells apart by {separator}, without a header",
    CellsApart: "cells apart by {separator}",
    SheetHeaded: "a spreadsheet, with a header",
    SheetBare: "a spreadsheet, without a header",
    Commas: "commas",
    Semicolons: "semicolons",
    Tabs: "tabs",
    Bars: "bars",
    Spaces: "spaces",
    DecimalCommasMore: "decimal commas, {rest}",
    DecimalCommas: "decimal commas",
    TextTakenFor: "text taken for {encoding}",
    TextIn: "text in {encoding}",
    // Why it was read so.
    TwoValues: "it has two values",
    HoldsWords: "it holds words",
    FewWholeNumbers: "it holds few whole numbers",
    HoldsNumbers: "it holds numbers",
    AsAsked: "as asked",
    NotAskedFor: "not among the columns asked for",
    RowsCount: "how much each row counts",
    PartsUsed: "dates; their parts are used",
    NothingInIt: "nothing stands in it",
    AlwaysTheSame: "it says the same in every row",
    NumbersRows: "it numbers the rows",
    WordsAndNumbers: "words ({words}, the first in line {word}) and numbers (line {number}) are mixed",
    DatesDiffer: "dates that are not all written in one way; write them as 2024-01-31",
    ManyWords: "more than {n} different words: free text",
    FreeText: "{n} different words in {rows} rows: free text",
    // What looks wrong in it.
    Leak: "column \"{column}\" gives the target away: is it known before the answer is? If not, take it out",
    LeakBySum: "the sum of columns \"{a}\" and \"{b}\" gives the target away: are they known before the answer is? If not, take them out",
    LeakByDifference: "the difference of columns \"{a}\" and \"{b}\" gives the target away: are they known before the answer is? If not, take them out",
    MixedWords: "column \"{column}\" mixes words (line {word}) and numbers (line {number}): all taken for words",
    OddWords: "{file}:{line}: column \"{column}\" holds numbers, but \"{word}\" and {n} more words too: taken for missing",
    OddWord: "{file}:{line}: column \"{column}\" holds numbers, but \"{word}\" too: taken for missing",
    MissingAnswer: "{n} rows have the target \"{word}\", which stands for missing, and are passed over; if it is an answer, say which words are missing",
    SmallClasses: "classes with fewer than 3 rows: {names}",
    Untrained: "no training row has the answer {names}: all its rows fell into other parts",
    TwinNumbers: "column \"{column}\": the number in line {line} ends in 0 and others have fewer decimals: 3.1 and 3.10 are one number; if they are names, write them as v3.1 and v3.10",
    OpenThousands: "column \"{column}\": \"{example}\" is taken for {number}: its mark may part thousands or decimals, nothing in the file says which, and thousands it is",
    OpenDecimalsFrom: "column \"{column}\": \"{example}\" (as from line {line} on) is taken for {number}: its mark may part thousands or decimals, nothing in the file says which, and decimals it is",
    TwinWords: "column \"{column}\": \"{a}\" (line {a_line}) and \"{b}\" (line {b_line}) differ only in case, and are two values",
    OddZeros: "column \"{column}\": {n} zeros, and all other numbers lie from {low} to {high}: do they stand for missing?",
    StandIns: "column \"{column}\": {n} times {number}, and all other numbers lie from {low} to {high}: does it stand for missing?",
    // What is refused about data.
    TwinAnswers: "{file}: target \"{column}\": \"{a}\" (line {a_line}) and \"{b}\" (line {b_line}) differ only in case; write them alike, or ask for them as classes of their own",
    NoSuchColumnGuess: "{file}: no column is called \"{column}\"; did you mean \"{guess}\"? (known: {names})",
    NoSuchColumn: "{file}: no column is called \"{column}\" (known: {names})",
    NothingToLearnFrom: "{file}: there is no column besides the target to learn from",
    NoColumnLeft: "{file}: no column is left to learn from ({why})",
    SameEverywhere: "{file}: target \"{column}\" says the same in every row: there is nothing to learn",
    NotANumber: "\"{word}\" is not a number",
    TooLargeForMemory: "{file} needs about {needs} of memory and {free} are free; use fewer rows or columns",
    IsGone: "{file} is not there any more",
    HasChanged: "{file} has changed since",
    // A training that ended early.
    Diverged: "diverged at step {step}: {what} is not finite; try a smaller learning rate, gradient clipping, or scaled inputs",
    NotSaved: "it could not be saved: {why}",
    Fault: "a fault of the program ended it: {why}",
    // What the server refuses.
    OtherTrains: "another run is training: stop it first, or ?replace=true",
    StillStopping: "the run before is still at its last step; try again",
    StillAtStep: "the training is still at its last step; try again",
    RunIsOver: "this run is over",
    TrainsStill: "it is training: stop it first",
    NoRun: "there is no run {run}",
    NoModel: "there is no model yet: train one, or start with `reshet serve MODEL`",
    NoStudy: "there is no study {study}",
    NoDataHere: "{name}: its data is not here",
    NoTestPart: "there is no test part",
    NothingDrawn: "nothing is drawn",
    BodyTooLarge: "the body is too large: at most {n} MB",
    TooManySteps: "epochs {epochs}: {batches} batches each are more steps than can be counted; at most {most} steps",
    TooManyLayers: "hidden {n}: more layers than this page takes; at most {most}",
    NetworkTooLarge: "hidden: a network of {parameters} parameters needs about {needs} of memory, and {room} of the server's {limit} are left; take fewer neurons, or delete runs",
    NoRoomForTable: "{file}: {size} of text need about {needs} of memory, and {room} of the server's {limit} are left; take fewer rows, or delete runs",
    NoRoomForData: "{file}: its data needs {needs} of memory, and {room} of the server's {limit} are left; take fewer rows or columns",
    NotATable: "{file}: the page takes tables as text: .csv, .tsv or .txt, each also as .gz; save it as one of these",
    NicknameFirst: "choose a nickname first",
    NicknameTaken: "this nickname is taken: choose another one",
    NicknameEmpty: "a nickname has at least one letter or digit",
    NicknameLong: "a nickname has at most {n} characters",
    ClassFull: "the class is full",
    TeacherOnly: "only the teacher may do that",
    BadThreshold: "the task's threshold lies above 0 and is at most 100 %",
    OthersWait: "batch-size {n}: others wait while a step is taken; with this network at most {most}",
    TooSlow: "the request took longer than a minute",
    ServerFault: "the server failed at this request; it goes on",
}

/// Values that are sentences.
const PARTS: [&str; 4] = ["how", "rest", "separator", "why"];

impl Told {
    /// A sentence, known by its words.
    pub fn of(text: &str) -> Self {
        let known =
            SENTENCES.iter().find_map(|(kind, sentence)| Some((*kind, values(sentence, text)?)));
        let (kind, values) = known.unwrap_or((Kind::Other, BTreeMap::new()));
        let parts = values.iter().filter(|(name, _)| PARTS.contains(&name.as_str()));
        let parts = parts.map(|(name, value)| (name.clone(), Self::of(value))).collect();
        Self { kind, values, parts, place: None, setting: None, text: text.into() }
    }

    /// An error: of a place in a file, what is wrong there.
    pub fn error(error: &Error) -> Self {
        let text = error.to_string();
        match error {
            Error::At { file, line, column, what } => {
                let place = Place { file: file.clone(), line: *line, column: column.clone() };
                Self { place: Some(place), text, ..Self::of(what) }
            }
            Error::Setting { name, value, .. } => {
                let setting = Setting { name: (*name).into(), value: value.clone() };
                Self { setting: Some(setting), ..Self::of(&text) }
            }
            _ => Self::of(&text),
        }
    }

    /// Several sentences.
    pub fn all(lines: &[String]) -> Vec<Self> {
        lines.iter().map(|line| Self::of(line)).collect()
    }
}

/// The values in a text, if it is this sentence.
fn values(sentence: &str, text: &str) -> Option<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let mut pieces = sentence.split('{').peekable();
    let mut rest = text.strip_prefix(pieces.next()?)?;
    while let Some(piece) = pieces.next() {
        let (name, after) = piece.split_once('}')?;
        // The last words end the text: the value before them may hold such words too.
        let length = match pieces.peek() {
            None => rest.strip_suffix(after)?.len(),
            Some(_) => rest.find(after)?,
        };
        let value = &rest[..length];
        if value.is_empty() || value.contains('\n') {
            return None;
        }
        values.insert(name.into(), value.into());
        rest = &rest[length + after.len()..];
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_known_by_its_words() {
        let told = Told::of("taken for missing: \"n/a\" in 12 cells of age, income");
        assert_eq!(told.kind, Kind::TakenForMissing);
        let values: Vec<(&str, &str)> =
            told.values.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(values, [("columns", "age, income"), ("n", "12"), ("word", "n/a")]);
        let told = Told::of("left out: id (it numbers the rows)");
        assert_eq!((told.kind, &*told.values["why"]), (Kind::LeftOut, "it numbers the rows"));
        assert_eq!(told.parts["why"].kind, Kind::NumbersRows);
        let how = "cells apart by semicolons, with a header, decimal commas, text in UTF-16";
        let told = Told::of(&format!("x.csv: 344 rows, 7 columns; {how}"));
        let how = &told.parts["how"];
        assert_eq!((told.kind, how.kind), (Kind::ShapeAs, Kind::CellsHeadedMore));
        assert_eq!(how.parts["separator"].kind, Kind::Semicolons);
        assert_eq!(how.parts["rest"].parts["rest"].values["encoding"], "UTF-16");
        assert_eq!(Told::of("x.csv: 344 rows, 7 columns").kind, Kind::Shape);
        let why = "words (\"w\" 2 times, the first in line 2) and numbers (line 3) are mixed";
        let told = Told::of(&format!("left out: word ({why})"));
        assert_eq!((told.values["why"].as_str(), told.values["column"].as_str()), (why, "word"));
        assert_eq!(told.parts["why"].values["words"], "\"w\" 2 times");
    }

    #[test]
    fn what_is_not_known_is_told_as_it_is() {
        for text in ["", "something new", "left out: ", "question: how much", "this run is over!"] {
            let told = Told::of(text);
            assert_eq!((told.kind, &*told.text), (Kind::Other, text));
            assert!(told.values.is_empty());
        }
    }

    #[test]
    fn an_error_brings_its_place() {
        let what = "\"old\" is not a number".to_string();
        let (file, column) = ("x.csv".to_string(), Some("age".to_string()));
        let told = Told::error(&Error::At { file, line: 7, column, what });
        assert_eq!((told.kind, &*told.values["word"]), (Kind::NotANumber, "old"));
        assert_eq!(told.text, "x.csv:7: column \"age\": \"old\" is not a number");
        assert_eq!(told.place.map(|place| place.line), Some(7));
    }

    #[test]
    fn each_sentence_is_known_as_its_own_kind() {
        for (kind, sentence) in SENTENCES {
            let mut text = String::new();
            for piece in sentence.split('{') {
                match piece.split_once('}') {
                    Some((_, after)) => text += &format!("7{after}"),
                    None => text += piece,
                }
            }
            assert_eq!(Told::of(&text).kind, *kind, "{text}");
        }
    }
}
