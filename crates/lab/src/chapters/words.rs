//! What the chapters say, in both languages, in the order of their slides.

use super::Words;

pub const DESCENT: &[Words] = &[
    Words::new(
        "w ← w − lr · f′(w). The slope says which way is up; the step goes the other way, and it is \
         the longer, the steeper the slope.",
        "w ← w − lr · f′(w). השיפוע אומר היכן עולים; הצעד הולך לצד השני, והוא ארוך ככל שהשיפוע תלול.",
    ),
    Words::new(
        "0.01 is too slow. 0.1 is right: what is left shrinks by a fifth a step. 0.9 jumps over the \
         minimum and back, and still comes closer. 1.05 jumps farther each time: it diverges. \
         0.5 would be there in one step, and 1.0 jumps from 5.5 to −1.5 and back for ever.",
        "0.01 איטי מדי. 0.1 מתאים: המרחק קטן בחמישית בכל צעד. 0.9 קופץ מצד לצד של המינימום ובכל זאת \
         מתקרב. 1.05 קופץ רחוק יותר בכל פעם: מתבדר. 0.5 היה מגיע בצעד אחד, ו־1.0 קופץ מ־5.5 ל־1.5− \
         וחוזר לעד.",
    ),
    Words::new(
        "From 2 the ball stays in the shallow valley at 0.607; from −4 it finds the deep one.",
        "מ־2 הכדור נשאר בעמק הרדוד, ב־0.607; מ־4− הוא מוצא את העמוק.",
    ),
    Words::new(
        "x² sin x from 2 stalls near 0, where the slope is 0 and no minimum is: an inflection.",
        "x² sin x מ־2 נעצר ליד 0, שם השיפוע 0 ואין מינימום: נקודת פיתול.",
    ),
];

pub const LANDSCAPE: &[Words] = &[
    Words::new(
        "With two weights the loss is a landscape. The gradient points straight uphill; the step goes \
         straight downhill. A is the start, Z the end.",
        "עם שני משקלים פונקציית המחיר היא נוף. הגרדיאנט מצביע ישר במעלה; הצעד הולך ישר במורד. A היא \
         ההתחלה, Z הסוף.",
    ),
    Words::new(
        "From (1.5, −1) the path ends in the deepest valley, from (−1, −1) in another. From (0, 2) it \
         leaves the map, and with rate 0.5 the first steps throw it out to where all is flat.",
        "מ־(1−, 1.5) המסלול מסתיים בעמק העמוק ביותר, מ־(1−, 1−) באחר. מ־(2, 0) הוא יוצא מהמפה, ובקצב \
         0.5 הצעדים הראשונים זורקים אותו למקום שטוח.",
    ),
];

pub const FLATS: &[Words] = &[
    Words::new(
        "Why: the loss rises with the square of the area, some 12,000 m⁴ steep in w and 1 in b. It is a \
         ravine: a rate that suits b throws w from wall to wall, farther each time.",
        "למה: המחיר עולה עם ריבוע השטח, תלול בערך 12,000 בכיוון w ורק 1 בכיוון b. זהו קניון: קצב שמתאים \
         ל־b זורק את w מקיר לקיר, רחוק יותר בכל פעם.",
    ),
    Words::new(
        "Scaled to 0…1, both directions are about as steep: the ravine has become a bowl. A new area \
         must be scaled by the same two numbers, the least and the largest of training.",
        "אחרי נרמול ל־0…1 שני הכיוונים תלולים בערך באותה מידה: הקניון הפך לקערה. שטח חדש חייב לעבור \
         נרמול באותם שני מספרים, המינימום והמקסימום של האימון.",
    ),
];

pub const COST: &[Words] = &[Words::new(
    "A network that knows nothing says 0.5 and pays ln 2 = 0.69: where the loss curve should begin.",
    "רשת שלא יודעת דבר אומרת 0.5 ומשלמת ln 2 = 0.69: שם עקומת המחיר צריכה להתחיל.",
)];

pub const TICTACTOE: &[Words] = &[Words::new(
    "The network is asked about a board and a move: 11 numbers in, one out. It should answer the \
         reward, plus 0.99 times the best answer about the next board, by a copy that stands still for \
         1000 games. It learns from a random batch of 64 of its last 10,000 moves after each move. `reshet course tictactoe` lowers the rate in the last third of the games.",
    "הרשת נשאלת על לוח ומהלך: 11 מספרים נכנסים, אחד יוצא. עליה לענות את הגמול ועוד 0.99 כפול התשובה \
         הטובה ביותר על הלוח הבא, לפי עותק שעומד במקום 1000 משחקים. אחרי כל מהלך היא לומדת מאצווה אקראית \
         של 64 מתוך 10,000 המהלכים האחרונים. `reshet course tictactoe` מוריד את הקצב בשליש האחרון של המשחקים.",
)];

pub const POINT: &[Words] = &[
    Words::new(
        "y = w·x should go through (2, 4.5). The loss (2w − 4.5)² is a parabola over w.",
        "הישר y = w·x צריך לעבור דרך (2, 4.5). המחיר ²(4.5 − 2w) הוא פרבולה מעל w.",
    ),
    Words::new(
        "A layer has a bias. Here it is put back to 0 after each step, which is descent on w alone.",
        "לשכבה יש הטיה. כאן היא מוחזרת ל־0 אחרי כל צעד, וזו ירידה על w בלבד.",
    ),
];

pub const FIVE: &[Words] = &[
    Words::new(
        "No line goes through all five. The best one has the least mean of the squared residuals.",
        "אין ישר שעובר בכולן. הטוב ביותר הוא זה שממוצע ריבועי השאריות שלו קטן ביותר.",
    ),
    Words::new(
        "With the sum in place of the mean the gradient is five times as long: the same lr is then \
         five times as large.",
        "עם סכום במקום ממוצע הגרדיאנט ארוך פי חמישה: אותו קצב הוא אז גדול פי חמישה.",
    ),
];

pub const LINEAR: &[Words] = &[Words::new(
    "Weight and bias: a network of one neuron without activation. All 100 points are one batch.",
    "משקל והטיה: רשת של נוירון אחד בלי פונקציית הפעלה. כל 100 הנקודות הן אצווה אחת.",
)];

pub const SEVEN: &[Words] = &[Words::new(
    "The lecture itself, slide by slide, is `reshet lecture`. The slide's constant rate 0.01 gives \
         99.1 % on average over 60 seeds. Here the rate rises to 0.01 and falls again (one-cycle).",
    "ההרצאה עצמה, שקופית אחר שקופית, היא `reshet lecture`. הקצב הקבוע 0.01 שבשקופית נותן 99.1 % \
         בממוצע על פני 60 זרעים. כאן הקצב עולה עד 0.01 ויורד שוב (one-cycle).",
)];

pub const DIGITS: &[Words] = &[Words::new(
    "A network that knows nothing pays ln 10 = 2.3. The book's rate 0.01 gives about 95 %; 0.001 is \
         better for this network.",
    "רשת שלא יודעת דבר משלמת ln 10 = 2.3. הקצב של הספר, 0.01, נותן כ־95 %; 0.001 טוב יותר לרשת הזאת.",
)];

pub const FOOTWEAR: &[Words] = &[Words::new(
    "The book asks whether a sign is a digit or a letter, of EMNIST, which is not to be had \
         offline. The lesson is the same: a yes that is several classes.",
    "הספר שואל אם סימן הוא ספרה או אות, מתוך EMNIST, שאינו זמין בלי רשת. הלקח זהה: \"כן\" שהוא כמה \
         מחלקות.",
)];

pub const MOONS: &[Words] = &[Words::new(
    "Each hidden neuron draws a line, and is 0 on one side of it. Their sum bends around the moons.",
    "כל נוירון נסתר מותח ישר, והוא 0 בצד אחד שלו. הסכום שלהם מתעקל סביב הירחים.",
)];

pub const WAVES: &[Words] = &[Words::new(
    "Each ReLU adds a kink, and 128 kinks follow the wave. The noise alone is 0.04 on average: no \
         network can do better on new points. The book prints the loss of one last batch of 50.",
    "כל ReLU מוסיף כיפוף, ו־128 כיפופים עוקבים אחרי הגל. הרעש לבדו הוא 0.04 בממוצע: שום רשת לא תצליח \
         יותר בנקודות חדשות. הספר מדפיס את המחיר של אצווה אחרונה אחת של 50.",
)];

pub const VIRGINICA: &[Words] = &[Words::new(
    "One neuron draws one line. The virginicas lie beyond all others: a line is enough.",
    "נוירון אחד מותח ישר אחד. הווירג'יניקה נמצאת מעבר לכל השאר: ישר מספיק.",
)];

pub const VERSICOLOR: &[Words] = &[Words::new(
    "The versicolors lie between the two others: no line has them alone on one side. An \
             accuracy means nothing by itself: of the book's 30 test flowers 25 are no versicolor, so \
             always saying \"no\" is right 83 % of the time, without looking at the flower.",
    "הוורסיקולור נמצאת בין שתי האחרות: אין ישר שמשאיר אותה לבדה בצד אחד. דיוק לבדו אינו אומר \
             דבר: 25 מ־30 פרחי הבחינה של הספר אינם ורסיקולור, ולכן מי שתמיד אומר \"לא\" צודק ב־83 % \
             מהמקרים, בלי להביט בפרח.",
)];

pub const IRIS: &[Words] = &[Words::new(
    "Three outputs, and the loss applies softmax itself. A network that knows nothing pays \
         ln 3 = 1.10.",
    "שלוש יציאות, והמחיר מפעיל softmax בעצמו. רשת שלא יודעת דבר משלמת ln 3 = 1.10.",
)];

pub const OVERFITTING: &[Words] = &[Words::new(
    "60 points to learn from, 2000 others to test on. The noise is so large that nobody can be \
         right everywhere. (The book uses the Pima table, which is not in the program.)",
    "60 נקודות ללמוד מהן, 2000 אחרות לבחינה. הרעש גדול כל כך שאי אפשר לצדוק תמיד. (הספר משתמש \
         בטבלת Pima, שאינה בתוכנה.)",
)];

pub const FLOORS: &[Words] = &[Words::new(
    "Two inputs, two weights: the answer is a plane over area and floor. Each column is scaled by \
     its own least and largest number, and the loss is a tenth of what the area alone leaves.",
    "שני קלטים, שני משקלים: התשובה היא מישור מעל השטח והקומה. כל עמודה מנורמלת לפי המינימום \
     והמקסימום שלה, והמחיר הוא כעשירית ממה שנשאר עם השטח לבדו.",
)];

pub const CANCER: &[Words] = &[Words::new(
    "Thirty measurements, one weight for each, one sigmoid. Always saying \"benign\" is right about \
     63 % of the time: that is what the neuron has to beat.",
    "שלושים מדידות, משקל לכל אחת, סיגמואיד אחד. מי שאומר תמיד \"שפיר\" צודק בכ־63 % מהמקרים: את \
     זה הנוירון צריך לנצח.",
)];

pub const DRESS: &[Words] = &[Words::new(
    "The same network, other pictures: a dress is one of ten kinds of clothes, so never saying \
     \"dress\" is right 90 % of the time.",
    "אותה רשת, תמונות אחרות: שמלה היא אחד מעשרה סוגי בגדים, ולכן מי שלעולם אינו אומר \"שמלה\" \
     צודק ב־90 % מהמקרים.",
)];

pub const CLOTHES: &[Words] = &[Words::new(
    "Shirt, coat and pullover look alike in 28 by 28 pixels: most mistakes are among them. Ten \
     outputs, and a network that knows nothing pays ln 10 = 2.3.",
    "חולצה, מעיל וסוודר נראים דומים ב־28 על 28 פיקסלים: רוב הטעויות הן ביניהם. עשר יציאות, ורשת \
     שלא יודעת דבר משלמת ln 10 = 2.3.",
)];

pub const SAVE: &[Words] = &[Words::new(
    "The file holds the weights, the network's shape, the question and the scaling. Loaded again, it \
     gives the same 50 answers to the last bit, its mistakes too.",
    "הקובץ מכיל את המשקלים, את צורת הרשת, את השאלה ואת הנרמול. אחרי טעינה הוא נותן אותן 50 תשובות \
     עד הביט האחרון, כולל הטעויות.",
)];

pub const GALTON: &[Words] = &[
    Words::new(
        "Each child's height beside the mean height of its parents, as Galton printed them in classes \
         of an inch. (The book has more of his columns: mother, father, sex. Their copies are not free \
         to be in the program.)",
        "גובהו של כל ילד לצד הגובה הממוצע של הוריו, כפי שגלטון הדפיס אותם בקבוצות של אינץ'. (בספר \
         עמודות נוספות: אם, אב, מין. העותקים שלהן אינם חופשיים להיכלל בתוכנה.)",
    ),
    Words::new(
        "The slope is about 2/3: children of tall parents are tall, but less so than their parents. \
         Galton called it regression, and the method still has the name. The points scatter far from \
         the line: parents' heights alone do not tell a child's.",
        "השיפוע הוא בערך 2/3: ילדים להורים גבוהים הם גבוהים, אך פחות מהוריהם. גלטון קרא לזה רגרסיה, \
         והשם נשאר לשיטה. הנקודות רחוקות מהישר: גובה ההורים לבדו אינו קובע את גובה הילד.",
    ),
];
