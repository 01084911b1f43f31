// הנוסחים של נגיעה ברשת, של צעד מוסבר, של שיתוף ושל כיתה.

import type { teach as english } from "./texts.teach.en";

export const teach: Record<keyof typeof english, string> = {
  foundLowRate: "קצב הלמידה {lr} קטן בהרבה מהרגיל, {usual}. נסו קצב גדול יותר.",

  touchHint: "לחצו על נוירון כדי לראות את המספרים שלו ולשנות אותם. החצים עוברים מאחד לאחד.",
  theNetworkDrawn: "הרשת בציור",
  drawnNetwork: "ציור של נוירונים",
  neuronHidden: "שכבה נסתרת {layer}, נוירון {n}",
  neuronOut: "פלט {name}",
  neuronIn: "קלט: {name} = {x}",
  weightedSum: "Σ קלט × משקל",
  bias: "הטיה",
  theSum: "סכום",
  output: "פלט",
  pixelAt: "פיקסל {row}, {column}",
  neuronN: "נוירון {n}",
  weightFrom: "המשקל של {x}",
  strongestNow: "מה קובע כאן יותר מכול",
  pressPixel: "לחצו על פיקסל בתמונה כדי לשנות את המשקל שלו.",
  nothingIn: "לא נכנס דבר: כל הקלטים שלו הם 0 כאן.",
  ofTheNetwork: "הרשת",
  asItIs: "כמו שהיא",
  changed: "אחרי השינוי",
  theAnswer: "תשובה",
  lossHere: "ההפסד על הדוגמה הזאת",
  rightOf: "נכונות מתוך {n} דוגמאות בדיקה",
  r2Of: "R² על {n} דוגמאות בדיקה",
  putBack: "החזירו כפי שהיה",
  changedN: "{n} שונו",
  closePanel: "סגירה",
  addAll: "+ כל השאר: {x}",
};
