// מה שהשרת אומר, בעברית, לפי סוגי המשפטים. What the server says, in Hebrew, by its kinds of sentences.

import type { Kind } from "./api-types";

export const told: Record<Exclude<Kind, "other">, string> = {
  shape_as: "{file}: {rows} שורות, {columns} עמודות; {how}",
  shape: "{file}: {rows} שורות, {columns} עמודות",
  last_column: "חוזים את {column}, העמודה האחרונה",
  ask_yes_no: "השאלה: כן או לא, {yes} מול {no} ({why})",
  ask_several: "השאלה: {n} פעמים כן או לא ({why})",
  ask_class: "השאלה: איזו מחלקה, {names} ({why})",
  ask_amount: "השאלה: כמה ({why})",
  names_again: "ב-{n} שורות חוזרים שמות העמודות; דילגנו עליהן",
  name_again: "בשורה אחת חוזרים שמות העמודות; דילגנו עליה",
  no_target: "ב-{n} שורות חסרה התשובה; דילגנו עליהן",
  gaps_in_targets: "{n} תשובות חסרות בשורות שיש בהן אחרות; רק הן אינן נספרות",
  left_out: "בלי העמודה {column} ({why})",
  taken_for_missing: 'נחשב לחסר: "{word}" ב-{n} תאים של {columns}',
  taken_for_missing_once: 'נחשב לחסר: "{word}" בתא אחד של {columns}',
  numbers_written: 'המספרים של {column}: "{example}" הוא {number}',
  leading_zeros: 'המילים של {column}: "{word}" (שורה {line}) מתחיל באפסים',
  many_digits: 'המילים של {column}: ב-"{word}" (שורה {line}) יש יותר ספרות משמספר יכול להכיל',
  dates_open:
    'התאריכים של {column}: "{example}" הוא {date}, אבל דבר בקובץ אינו אומר אם היום קודם או החודש; {parts} הם עמודות משלהם',
  dates: 'התאריכים של {column}: "{example}" הוא {date}; {parts} הם עמודות משלהם',
  names_in_comment: "שמות העמודות כתובים בהערה",
  arff: "קובץ ARFF: המאפיינים שלו הם שמות העמודות",
  title: 'דילגנו על כותרת: "{title}"',
  titles: 'דילגנו על {n} שורות של כותרות, הראשונה "{title}"',
  encoding: "הטקסט נקרא כ-{encoding}",

  cells_headed_more: "התאים מופרדים ב{separator}, עם שמות עמודות, {rest}",
  cells_headed: "התאים מופרדים ב{separator}, עם שמות עמודות",
  cells_bare_more: "התאים מופרדים ב{separator}, בלי שמות עמודות, {rest}",
  cells_bare: "התאים מופרדים ב{separator}, בלי שמות עמודות",
  cells_apart: "התאים מופרדים ב-{separator}",
  sheet_headed: "גיליון עם שמות עמודות",
  sheet_bare: "גיליון בלי שמות עמודות",
  commas: "פסיקים",
  semicolons: "נקודות ופסיק",
  tabs: "טאבים",
  bars: "קווים",
  spaces: "רווחים",
  decimal_commas_more: "פסיק עשרוני, {rest}",
  decimal_commas: "פסיק עשרוני",
  text_taken_for: "הטקסט נקרא כ-{encoding}",
  text_in: "הטקסט ב-{encoding}",

  two_values: "יש בה שני ערכים",
  holds_words: "יש בה מילים",
  few_whole_numbers: "יש בה מעט מספרים שלמים",
  holds_numbers: "יש בה מספרים",
  as_asked: "כפי שביקשתם",
  not_asked_for: "לא ביקשתם אותה",
  rows_count: "היא אומרת כמה נספרת כל שורה",
  parts_used: "תאריכים; משתמשים בחלקיהם",
  nothing_in_it: "היא ריקה",
  always_the_same: "אותו ערך בכל השורות",
  numbers_rows: "היא רק ממספרת את השורות",
  words_and_numbers: "יש בה גם מילים ({words}, הראשונה בשורה {word}) וגם מספרים (שורה {number})",
  dates_differ: "תאריכים שאינם כתובים באותה צורה; כתבו אותם כמו 2024-01-31",
  many_words: "יותר מ-{n} מילים שונות: טקסט חופשי",
  free_text: "{n} מילים שונות ב-{rows} שורות: טקסט חופשי",

  leak: 'העמודה "{column}" מסגירה את התשובה. האם היא ידועה לפני התשובה? אם לא, הוציאו אותה.',
  leak_by_sum: 'סכום העמודות "{a}" ו-"{b}" מסגיר את התשובה. האם הן ידועות לפני התשובה? אם לא, הוציאו אותן.',
  leak_by_difference:
    'הפרש העמודות "{a}" ו-"{b}" מסגיר את התשובה. האם הן ידועות לפני התשובה? אם לא, הוציאו אותן.',
  mixed_words: 'בעמודה "{column}" יש גם מילים (שורה {word}) וגם מספרים (שורה {number}): הכול נחשב למילים',
  odd_words:
    '{file}, שורה {line}: בעמודה "{column}" מספרים, אבל גם "{word}" ועוד {n} מילים: הן נחשבות לחסרות',
  odd_word: '{file}, שורה {line}: בעמודה "{column}" מספרים, אבל גם "{word}": הוא נחשב לחסר',
  missing_answer:
    'ב-{n} שורות התשובה היא "{word}", שפירושה חסר, ודילגנו עליהן. אם זו תשובה, אמרו אילו מילים פירושן חסר.',
  small_classes: "מחלקות עם פחות מ-3 שורות: {names}",
  untrained: "לאף שורת אימון אין התשובה {names}: כל השורות שלה נפלו בחלקים אחרים",
  twin_numbers:
    'בעמודה "{column}" המספר שבשורה {line} נגמר ב-0, ולאחרים פחות ספרות: 3.1 ו-3.10 הם אותו מספר. אם אלה שמות, כתבו v3.1 ו-v3.10.',
  open_thousands:
    'בעמודה "{column}" הובן "{example}" כ-{number}: הסימן יכול להפריד אלפים או שברים, והקובץ אינו אומר מה; הנחנו אלפים',
  open_decimals_from:
    'בעמודה "{column}" הובן "{example}" (משורה {line}) כ-{number}: הסימן יכול להפריד אלפים או שברים, והקובץ אינו אומר מה; הנחנו שברים',
  twin_words:
    'בעמודה "{column}" נבדלים "{a}" (שורה {a_line}) ו-"{b}" (שורה {b_line}) רק באותיות גדולות וקטנות, והם שני ערכים',
  odd_zeros: 'בעמודה "{column}" יש {n} אפסים, וכל שאר המספרים הם מ-{low} עד {high}. האם פירושם חסר?',
  stand_ins:
    'בעמודה "{column}" מופיע {number} {n} פעמים, וכל שאר המספרים הם מ-{low} עד {high}. האם פירושו חסר?',

  twin_answers:
    '{file}: בעמודה "{column}" נבדלים "{a}" (שורה {a_line}) ו-"{b}" (שורה {b_line}) רק באותיות גדולות וקטנות. כתבו אותם באותה צורה.',
  no_such_column_guess: '{file}: אין עמודה בשם "{column}". האם התכוונתם ל-"{guess}"?',
  no_such_column: '{file}: אין עמודה בשם "{column}"',
  nothing_to_learn_from: "{file}: מלבד התשובה אין עמודה שאפשר ללמוד ממנה",
  no_column_left: "{file}: לא נשארה עמודה שאפשר ללמוד ממנה ({why})",
  same_everywhere: '{file}: בעמודה "{column}" אותו ערך בכל השורות: אין מה ללמוד',
  not_a_number: '"{word}" אינו מספר',
  too_large_for_memory: "{file}: דרוש זיכרון של כ-{needs}, ופנויים רק {free}. קחו פחות שורות או עמודות.",
  is_gone: "{file} כבר אינו במקומו",
  has_changed: "{file} השתנה מאז",

  diverged: "האימון התבדר בצעד {step}: {what} אינו מספר סופי. נסו קצב למידה קטן יותר, או קלט בקנה מידה קטן.",
  not_saved: "הריצה לא נשמרה: {why}",
  fault: "תקלה בתוכנית סיימה אותה: {why}",

  other_trains: "ריצה אחרת לומדת עכשיו: סיימו אותה קודם",
  still_stopping: "הריצה הקודמת עוד בצעד האחרון שלה; נסו שוב",
  still_at_step: "האימון עוד בצעד האחרון שלו; נסו שוב",
  run_is_over: "הריצה הזאת כבר הסתיימה",
  trains_still: "היא לומדת עכשיו: סיימו אותה קודם",
  no_run: "אין ריצה {run}",
  no_model: "עוד אין מודל: אמנו אחד",
  no_study: "אין מחקר {study}",
  no_data_here: "{name}: הנתונים שלו אינם כאן",
  no_test_part: "אין חלק בדיקה",
  nothing_drawn: "עוד לא ציירתם דבר",
  body_too_large: "הקובץ גדול מדי: לכל היותר {n} MB",
  too_many_steps: "{epochs} מעברים של {batches} אצוות כל אחד: יותר צעדים משאפשר לספור",
  too_many_layers: "{n} שכבות נסתרות הן יותר מדי: לכל היותר {most}",
  network_too_large:
    "לרשת של {parameters} פרמטרים דרוש זיכרון של כ-{needs}, ומתוך {limit} של השרת נשארו {room}. בחרו פחות נוירונים, או מחקו ריצות.",
  no_room_for_table:
    "{file}: לקריאת {size} של טקסט דרוש זיכרון של כ-{needs}, ומתוך {limit} של השרת נשארו {room}. קחו פחות שורות, או מחקו ריצות.",
  no_room_for_data:
    "{file}: לנתונים דרוש זיכרון של {needs}, ומתוך {limit} של השרת נשארו {room}. קחו פחות שורות או עמודות.",
  not_a_table: "{file}: הדף מקבל טבלאות כטקסט: ‎.csv, ‎.tsv או ‎.txt, גם ארוזות כ-‎.gz. שמרו אותה כך.",
  too_slow: "הבקשה ארכה יותר מדקה",
  server_fault: "השרת נכשל בבקשה הזאת, והוא ממשיך",
};
