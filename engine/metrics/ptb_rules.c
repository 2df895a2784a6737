/* Facts: the lexer of Stanford CoreNLP 3.4.1 (of which pycocoevalcap has a copy), with the
 * settings that pycocoevalcap gives it. The longest match wins, then the first rule. */
#include "engine/metrics/ptb_rules.h"

/* ---- signs ---- */
#define SPACE "[ \t\u00A0\u2000-\u200A\u3000]"
#define LINE_END "(\r|\r?\n|\u2028|\u2029|\v|\f|\302\205)"
#define BLANK "(" SPACE "|" LINE_END ")"
#define APOSTROPHE "(['\302\222\u2019]|&apos;)"
#define ANY_APOSTROPHE "(" APOSTROPHE "|[`\302\221\u2018\u201B])"
#define HYPHEN "[-_\u058A\u2010\u2011]"
#define SENTENCE_INNER "[,;:\u3001]"
#define LATIN "[A-Za-z0-9]"
#define LETTER_OR_DIGIT "[\\l0-9\\d]"
#define DIGIT "[\\d\u07C0-\u07C9]"
#define TAG_NAME "[A-Za-z][A-Za-z0-9_:.\\-]*"

/* ---- words ---- */
#define LETTER "([\\l\u00AD\\m]|&[aeiouAEIOU](acute|grave|uml);)"
#define WORD LETTER "(" LETTER "|" DIGIT ")*([.!?]" LETTER "(" LETTER "|" DIGIT ")*)*"
#define SHORTENED APOSTROPHE "([msdMSD]|re|ve|ll)"
#define NOT_SHORTENED "n" ANY_APOSTROPHE "t"
#define BEFORE_NOT "[A-Za-z\u00AD]*[A-MO-Za-mo-z]\u00AD*"
#define APOSTROPHE_WORD                                                                      \
    APOSTROPHE "n" APOSTROPHE "?|[lLdDjJ]" APOSTROPHE "|Dunkin" APOSTROPHE                   \
               "|somethin" APOSTROPHE "|ol" APOSTROPHE "|" APOSTROPHE                        \
               "em|[A-HJ-XZn]" ANY_APOSTROPHE "\\l{2}\\l*|" APOSTROPHE "[2-9]0s|" APOSTROPHE \
               "till?|\\l\\l*[aeiouyAEIOUY]" ANY_APOSTROPHE "[aeiouA-Z]\\l*|" APOSTROPHE     \
               "cause|cont'd\\.?|'twas|nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l|"      \
               "O" ANY_APOSTROPHE "o"

/* ---- numbers ---- */
#define NUMERAL "(" DIGIT "+|" DIGIT "*([.:,\u00AD\u066B\u066C]" DIGIT "+)+)"
#define NUMBER "[\\-+]?" NUMERAL

/* ---- compounds ---- */
#define COMPOUND                                                                \
    "([dDoOlL]" ANY_APOSTROPHE LETTER_OR_DIGIT ")?" LETTER_OR_DIGIT "+(" HYPHEN \
    "([dDoOlL]" ANY_APOSTROPHE LETTER_OR_DIGIT ")?" LETTER_OR_DIGIT "+)*"
#define CAPITALS "[A-Z]+(([+&]|&amp;)[A-Z]+)+"
#define SLASHED LATIN "+(-[A-Za-z]+){0,2}(\\\\?\\/" LATIN "+(-[A-Za-z]+){0,2}){1,2}"
#define HYPHENED LATIN "[A-Za-z0-9.,\u00AD]*(-([A-Za-z0-9\u00AD]+|" INITIALS_2 "\\.))+"

/* ---- abbreviations ---- */
#define OF_NATIONS "(Canada|Sino|Korean|EU|Japan|non)-U\\.S|U\\.S\\.-(U\\.K|U\\.S\\.S\\.R)"
#define INITIALS "([A-Za-z](\\.[A-Za-z])*|" OF_NATIONS ")"
#define INITIALS_2 "([A-Za-z](\\.[A-Za-z])+|" OF_NATIONS ")"
#define MONTHS "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec"
#define DAYS "Mon|Tue|Tues|Wed|Thu|Thurs|Fri"
#define STATES                                                                          \
    "Ala|Ariz|[A]z|[A]rk|Calif|Colo|Conn|Ct|Dak|[D]el|Fla|Ga|[I]ll|Ind|Kans?|Ky|[L]a|"  \
    "[M]ass|Md|Mich|Minn|[M]iss|Mo|Mont|Neb|Nev|Okla|[O]re|[P]a|Penn|Tenn|[T]ex|Va|Vt|" \
    "[W]ash|Wisc?|Wyo"
#define COMPANIES "Inc|Cos?|Corp|Pp?t[ye]s?|Ltd|Plc|Rt|Bancorp|Bhd|Assn|Univ|Intl|Sys"
#define BEFORE_SMALL                             \
    "(" MONTHS "|" DAYS "|" STATES "|" COMPANIES \
    "|tel|est|ext|sq|Jr|Sr|Bros|(Ed|Ph)\\.D|Blvd|Rd|Esq|etc|al|seq|Bldg)\\."
#define TITLES                                                                           \
    "Mr|Mrs|Ms|[M]iss|Drs?|Profs?|Sens?|Reps?|Attys?|Lt|Col|Gen|Messrs|Govs?|Adm|Rev|"   \
    "Maj|Sgt|Cpl|Pvt|Capt|Ste?|Ave|Pres|Lieut|Hon|Brig|Co?mdr|Pfc|Spc|Supts?|Det|Mt|Ft|" \
    "Adj|Adv|Asst|Assoc|Ens|Insp|Mlle|Mme|Msgr|Sfc"
#define BEFORE_CAPITAL                                               \
    "(" TITLES "|vs|Alex|Wm|Jos|Cie|a\\.k\\.a|cf|TREAS|Ph|" INITIALS \
    "|Invt|Elec|Natl|M[ft]g|Dept)"
#define SENTENCE_STARTS                                                                        \
    "([A]bout|[A]ccording|[A]dditionally|[A]fter|[A]n|[A]|[A]s|[A]t|[B]ut|[E]arlier|[H]e|"     \
    "[H]er|[H]ere|[H]owever|[I]f|[I]n|[I]t|[L]ast|[M]any|[M]ore|[M]r\\.|[M]s\\.|[N]ow|"        \
    "[O]nce|[O]ne|[O]ther|[O]ur|[S]he|[S]ince|[S]o|[S]ome|[S]uch|[T]hat|[T]he|[T]heir|[T]hen|" \
    "[T]here|[T]hese|[T]hey|[T]his|[W]e|[W]hen|[W]hile|[W]hat|[Y]et|[Y]ou|" TAG ")"

/* ---- tags, addresses ---- */
#define TAG                                                               \
    "<([!?][A-Za-z\\-][^>\r\n]*|" TAG_NAME "([ ]+(" TAG_NAME "|" TAG_NAME \
    "[ ]*=[ ]*('[^']*'|\"[^\"]*\")))*[ ]*\\/?|\\/" TAG_NAME ")[ ]*>"
#define URL "https?:\\/\\/[^ \t\n\f\r\"<>|(){}]+[^ \t\n\f\r\"<>|.!?(){},\\-]"
#define LIKELY_URL                                              \
    "((www\\.([^ \t\n\f\r\"<>|.!?(){},]+\\.)+[a-zA-Z]{2,4})|"   \
    "(([^ \t\n\f\r\"`'<>|.!?(){},-_$]+\\.)+(com|net|org|edu)))" \
    "(\\/[^ \t\n\f\r\"<>|()]+[^ \t\n\f\r\"<>|.!?(){},\\-])?"
#define EMAIL                                                                              \
    "(&lt;|<)?[a-zA-Z0-9][^ \t\n\f\r\"<>|()\u00A0{}]*@([^ \t\n\f\r\"<>|(){}.\u00A0]+\\.)*" \
    "([^ \t\n\f\r\"<>|(){}.\u00A0]+)(&gt;|>)?"
#define PHONE                                                                                \
    "(\\([0-9]{2,3}\\)[ \u00A0]?|(\\+\\+?)?([0-9]{2,4}[\\- \u00A0])?[0-9]{2,4}[\\- \u00A0])" \
    "[0-9]{3,4}[\\- \u00A0]?[0-9]{3,5}|"                                                     \
    "((\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}"
#define FILE_NAME                                                    \
    "(" LETTER "|" DIGIT ")+(\\.(" LETTER "|" DIGIT                  \
    ")+)*\\.(bat|bmp|c|class|cgi|cpp|dll|doc|docx|exe|gif|gz|h|htm|" \
    "html|jar|java|jpeg|jpg|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|wav|x|xml|zip)"
#define FRACTION "(" DIGIT "{1,4}[\\- \u00A0])?" DIGIT "{1,4}(\\\\?\\/|\u2044)" DIGIT "{1,4}"
#define FACE "[<>]?[:;=][\\-o*']?[()DPdpO\\\\{@|\\[\\]]"
#define EASTERN_FACE                                                 \
    "[\\^x=~<>]\\.\\[\\^x=[^<]*<>\\]|[\\-\\^x=~<>']_[\\-\\^x=~<>']|" \
    "\\([\\-\\^x=~<>'][_.]?[\\-\\^x=~<>']\\)|\\([\\^x=~<>']-[\\^x=~<>'`]\\)"
#define QUOTES APOSTROPHE "|''|[`\u2018-\u201F\302\221-\302\224\u2039\u203A\u00AB\u00BB]{1,2}"
#define STANDING_ALONE \
    "[+%&~\\^|\\\\\u00B2\u00B3\u00B9\u00B5\u00BA\u2044\u207A\u207B\u208A\u208B\\y]"

const ac_token_rule ac_ptb_rules[] = {
    { "c\\+\\+|(c|f)#", NULL, AC_PTB_PLAIN, 0 },
    { "cannot|'twas", NULL, AC_PTB_SPLIT_3, 0 },
    { "'tis|gonna|gotta|lemme|gimme|wanna", NULL, AC_PTB_SPLIT_2, 0 },
    { TAG, NULL, AC_PTB_SPACED, 0 },
    { "&(MD|mdash|ndash);|[\302\226\302\227\u2013\u2014\u2015]", NULL, AC_PTB_DASH, 0 },
    { "&amp;", NULL, AC_PTB_AMPERSAND, 0 },
    { "&(HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);", NULL, AC_PTB_PLAIN, 0 },
    { WORD, SHORTENED, AC_PTB_WORD, 0 },
    { BEFORE_NOT, NOT_SHORTENED, AC_PTB_WORD, 0 },
    { WORD, NULL, AC_PTB_WORD, 0 },
    { APOSTROPHE_WORD, NULL, AC_PTB_PLAIN, 0 },
    { "y" APOSTROPHE, "\\l", AC_PTB_PLAIN, 1 },
    { URL, NULL, AC_PTB_PLAIN, 0 },
    { LIKELY_URL, NULL, AC_PTB_PLAIN, 0 },
    { EMAIL, NULL, AC_PTB_PLAIN, 0 },
    { "@[a-zA-Z_][a-zA-Z_0-9]*|#" LETTER "+", NULL, AC_PTB_PLAIN, 0 },
    { SHORTENED, "[^A-Za-z]", AC_PTB_QUOTE_CLOSE, 1 },
    { NOT_SHORTENED, "[^A-Za-z]", AC_PTB_QUOTE_CLOSE, 1 },
    { DIGIT "{1,2}[\\-\\/]" DIGIT "{1,2}[\\-\\/]" DIGIT "{2,4}", NULL, AC_PTB_PLAIN, 0 },
    { NUMBER, NULL, AC_PTB_WORD, 0 },
    { "[\u207A\u207B\u208A\u208B]?([\u2070\u00B9\u00B2\u00B3\u2074-\u2079]+|[\u2080-\u2089]+)",
      NULL, AC_PTB_PLAIN, 0 },
    { FRACTION, NULL, AC_PTB_SPACED, 0 },
    { "[\u00BC\u00BD\u00BE\u2153-\u215E]", NULL, AC_PTB_FRACTION, 0 },
    { "-(RRB|LRB|RCB|LCB|RSB|LSB)-|C\\.D\\.s|pro-|anti-|S(&|&amp;)P-500|S(&|&amp;)Ls|"
      "Cap" APOSTROPHE "n|c" APOSTROPHE "est",
      NULL, AC_PTB_AMPERSAND, 0 },
    { SLASHED, NULL, AC_PTB_PLAIN, 0 },
    { "([A-Z]*\\$|#)", NULL, AC_PTB_PLAIN, 0 },
    { "[\u00A2\u00A3\u00A4\u00A5\302\200\u20A0\u20AC\u060B\u0E3F\u20A4\uFFE0\uFFE1\uFFE5\uFFE6"
      "]",
      NULL, AC_PTB_CURRENCY, 0 },
    { "(" INITIALS ")\\.", BLANK "+" SENTENCE_STARTS BLANK, AC_PTB_SINGLE_INITIAL, 0 },
    { "(pt[eyEY]|co)\\.", SPACE "(ltd|lim)", AC_PTB_PLAIN, 0 },
    { BEFORE_SMALL, BLANK "(" BLANK "|\\u|" TAG ")", AC_PTB_PLAIN, 0 },
    { BEFORE_SMALL, "[^][^]", AC_PTB_PLAIN, 2 },
    { BEFORE_SMALL, NULL, AC_PTB_PLAIN, 0 },
    { BEFORE_CAPITAL "\\.", NULL, AC_PTB_PLAIN, 0 },
    { BEFORE_CAPITAL, SPACE, AC_PTB_PLAIN, 1 },
    { INITIALS, BLANK, AC_PTB_PLAIN, 0 },
    { APOSTROPHE "[0-9][0-9]", BLANK, AC_PTB_PLAIN, 0 },
    { WORD "\\.", SENTENCE_INNER, AC_PTB_WORD, 1 },
    { "(ca|figs?|prop|nos?|art|bldg|pp|op)\\.", BLANK "?" DIGIT, AC_PTB_PLAIN, 0 },
    { FILE_NAME, BLANK "|[.?!,]", AC_PTB_PLAIN, 0 },
    { PHONE, NULL, AC_PTB_BRACKETED, 0 },
    { "\"|&quot;", "[A-Za-z0-9$]", AC_PTB_QUOTE_OPEN, 1 },
    { "\"|&quot;", NULL, AC_PTB_QUOTE_CLOSE, 0 },
    { "\x7f", NULL, AC_PTB_NOTHING, 0 },
    { "<|&lt;", NULL, AC_PTB_LESS, 0 },
    { ">|&gt;", NULL, AC_PTB_GREATER, 0 },
    { FACE, "[^A-Za-z0-9]", AC_PTB_BRACKETED, 1 },
    { EASTERN_FACE, NULL, AC_PTB_BRACKETED, 0 },
    { "\\{", NULL, AC_PTB_CURLY_OPEN, 0 },
    { "\\}", NULL, AC_PTB_CURLY_CLOSE, 0 },
    { "\\[", NULL, AC_PTB_SQUARE_OPEN, 0 },
    { "\\]", NULL, AC_PTB_SQUARE_CLOSE, 0 },
    { "\\(", NULL, AC_PTB_ROUND_OPEN, 0 },
    { "\\)", NULL, AC_PTB_ROUND_CLOSE, 0 },
    { "\\-+", NULL, AC_PTB_HYPHENS, 0 },
    { "\\.{3,5}|(\\.[ \u00A0]){2,4}\\.|[\302\205\u2026]", NULL, AC_PTB_ELLIPSIS, 0 },
    { "@+|#+|_+", NULL, AC_PTB_PLAIN, 0 },
    { "\\*+|(\\\\\\*){1,3}", NULL, AC_PTB_PLAIN, 0 },
    { SENTENCE_INNER, NULL, AC_PTB_PLAIN, 0 },
    { "[?!]+", NULL, AC_PTB_PLAIN, 0 },
    { "[.\u00A1\u00BF\u037E\u0589\u061F\u06D4\u0700-\u0702\u07FA\u3002]", NULL, AC_PTB_PLAIN,
      0 },
    { "=", NULL, AC_PTB_PLAIN, 0 },
    { "\\/", NULL, AC_PTB_PLAIN, 0 },
    { HYPHENED "\\.", SENTENCE_INNER, AC_PTB_WORD, 1 },
    { HYPHENED, NULL, AC_PTB_WORD, 0 },
    { COMPOUND "\\.", SENTENCE_INNER, AC_PTB_PLAIN, 1 },
    { COMPOUND, NULL, AC_PTB_PLAIN, 0 },
    { CAPITALS "\\.", SENTENCE_INNER, AC_PTB_AMPERSAND, 1 },
    { CAPITALS, NULL, AC_PTB_AMPERSAND, 0 },
    { "'", "[A-Za-z][^ \t\n\r\u00A0]", AC_PTB_QUOTE_OPEN, 2 },
    { SHORTENED "|" NOT_SHORTENED, NULL, AC_PTB_QUOTE_CLOSE, 0 },
    { QUOTES, NULL, AC_PTB_QUOTE_CLOSE, 0 },
    { "<<|>>", NULL, AC_PTB_PLAIN, 0 },
    { STANDING_ALONE, NULL, AC_PTB_PLAIN, 0 },
    { SPACE "+|[\u200B\u200E\u200F\uFEFF]|&nbsp;", NULL, AC_PTB_NOTHING, 0 },
    { LINE_END, NULL, AC_PTB_NOTHING, 0 },
};
const int ac_ptb_rule_count = sizeof ac_ptb_rules / sizeof *ac_ptb_rules;
