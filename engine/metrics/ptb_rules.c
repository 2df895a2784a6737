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
    { "c\\+\\+|(c|f)#", NULL, AC_PTB_PLAIN },
    { "cannot|'twas", NULL, AC_PTB_SPLIT_3 },
    { "'tis|gonna|gotta|lemme|gimme|wanna", NULL, AC_PTB_SPLIT_2 },
    { TAG, NULL, AC_PTB_SPACED },
    { "&(MD|mdash|ndash);|[\302\226\302\227\u2013\u2014\u2015]", NULL, AC_PTB_DASH },
    { "&amp;", NULL, AC_PTB_AMPERSAND },
    { "&(HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);", NULL, AC_PTB_PLAIN },
    { WORD, SHORTENED, AC_PTB_WORD },
    { BEFORE_NOT, NOT_SHORTENED, AC_PTB_WORD },
    { WORD, NULL, AC_PTB_WORD },
    { APOSTROPHE_WORD, NULL, AC_PTB_PLAIN },
    { "y" APOSTROPHE, "\\l", AC_PTB_PLAIN },
    { URL, NULL, AC_PTB_PLAIN },
    { LIKELY_URL, NULL, AC_PTB_PLAIN },
    { EMAIL, NULL, AC_PTB_PLAIN },
    { "@[a-zA-Z_][a-zA-Z_0-9]*|#" LETTER "+", NULL, AC_PTB_PLAIN },
    { SHORTENED, "[^A-Za-z]", AC_PTB_QUOTE_CLOSE },
    { NOT_SHORTENED, "[^A-Za-z]", AC_PTB_QUOTE_CLOSE },
    { DIGIT "{1,2}[\\-\\/]" DIGIT "{1,2}[\\-\\/]" DIGIT "{2,4}", NULL, AC_PTB_PLAIN },
    { NUMBER, NULL, AC_PTB_WORD },
    { "[\u207A\u207B\u208A\u208B]?([\u2070\u00B9\u00B2\u00B3\u2074-\u2079]+|[\u2080-\u2089]+)",
      NULL, AC_PTB_PLAIN },
    { FRACTION, NULL, AC_PTB_SPACED },
    { "[\u00BC\u00BD\u00BE\u2153-\u215E]", NULL, AC_PTB_FRACTION },
    { "-(RRB|LRB|RCB|LCB|RSB|LSB)-|C\\.D\\.s|pro-|anti-|S(&|&amp;)P-500|S(&|&amp;)Ls|"
      "Cap" APOSTROPHE "n|c" APOSTROPHE "est",
      NULL, AC_PTB_AMPERSAND },
    { SLASHED, NULL, AC_PTB_PLAIN },
    { "([A-Z]*\\$|#)", NULL, AC_PTB_PLAIN },
    { "[\u00A2\u00A3\u00A4\u00A5\302\200\u20A0\u20AC\u060B\u0E3F\u20A4\uFFE0\uFFE1\uFFE5\uFFE6"
      "]",
      NULL, AC_PTB_CURRENCY },
    { "(" INITIALS ")\\.", BLANK "+" SENTENCE_STARTS BLANK, AC_PTB_SINGLE_INITIAL },
    { "(pt[eyEY]|co)\\.", SPACE "(ltd|lim)", AC_PTB_PLAIN },
    { BEFORE_SMALL, BLANK "(" BLANK "|\\u|" TAG ")", AC_PTB_PLAIN },
    { BEFORE_SMALL, "[^][^]", AC_PTB_PLAIN },
    { BEFORE_SMALL, NULL, AC_PTB_PLAIN },
    { BEFORE_CAPITAL "\\.", NULL, AC_PTB_PLAIN },
    { BEFORE_CAPITAL, SPACE, AC_PTB_PLAIN },
    { INITIALS, BLANK, AC_PTB_PLAIN },
    { APOSTROPHE "[0-9][0-9]", BLANK, AC_PTB_PLAIN },
    { WORD "\\.", SENTENCE_INNER, AC_PTB_WORD },
    { "(ca|figs?|prop|nos?|art|bldg|pp|op)\\.", BLANK "?" DIGIT, AC_PTB_PLAIN },
    { FILE_NAME, BLANK "|[.?!,]", AC_PTB_PLAIN },
    { PHONE, NULL, AC_PTB_BRACKETED },
    { "\"|&quot;", "[A-Za-z0-9$]", AC_PTB_QUOTE_OPEN },
    { "\"|&quot;", NULL, AC_PTB_QUOTE_CLOSE },
    { "\x7f", NULL, AC_PTB_NOTHING },
    { "<|&lt;", NULL, AC_PTB_LESS },
    { ">|&gt;", NULL, AC_PTB_GREATER },
    { FACE, "[^A-Za-z0-9]", AC_PTB_BRACKETED },
    { EASTERN_FACE, NULL, AC_PTB_BRACKETED },
    { "\\{", NULL, AC_PTB_CURLY_OPEN },
    { "\\}", NULL, AC_PTB_CURLY_CLOSE },
    { "\\[", NULL, AC_PTB_SQUARE_OPEN },
    { "\\]", NULL, AC_PTB_SQUARE_CLOSE },
    { "\\(", NULL, AC_PTB_ROUND_OPEN },
    { "\\)", NULL, AC_PTB_ROUND_CLOSE },
    { "\\-+", NULL, AC_PTB_HYPHENS },
    { "\\.{3,5}|(\\.[ \u00A0]){2,4}\\.|[\302\205\u2026]", NULL, AC_PTB_ELLIPSIS },
    { "@+|#+|_+", NULL, AC_PTB_PLAIN },
    { "\\*+|(\\\\\\*){1,3}", NULL, AC_PTB_PLAIN },
    { SENTENCE_INNER, NULL, AC_PTB_PLAIN },
    { "[?!]+", NULL, AC_PTB_PLAIN },
    { "[.\u00A1\u00BF\u037E\u0589\u061F\u06D4\u0700-\u0702\u07FA\u3002]", NULL, AC_PTB_PLAIN },
    { "=", NULL, AC_PTB_PLAIN },
    { "\\/", NULL, AC_PTB_PLAIN },
    { HYPHENED "\\.", SENTENCE_INNER, AC_PTB_WORD },
    { HYPHENED, NULL, AC_PTB_WORD },
    { COMPOUND "\\.", SENTENCE_INNER, AC_PTB_PLAIN },
    { COMPOUND, NULL, AC_PTB_PLAIN },
    { CAPITALS "\\.", SENTENCE_INNER, AC_PTB_AMPERSAND },
    { CAPITALS, NULL, AC_PTB_AMPERSAND },
    { "'", "[A-Za-z][^ \t\n\r\u00A0]", AC_PTB_QUOTE_OPEN },
    { SHORTENED "|" NOT_SHORTENED, NULL, AC_PTB_QUOTE_CLOSE },
    { QUOTES, NULL, AC_PTB_QUOTE_CLOSE },
    { "<<|>>", NULL, AC_PTB_PLAIN },
    { STANDING_ALONE, NULL, AC_PTB_PLAIN },
    { SPACE "+|[\u200B\u200E\u200F\uFEFF]|&nbsp;", NULL, AC_PTB_NOTHING },
    { LINE_END, NULL, AC_PTB_NOTHING },
};
const int ac_ptb_rule_count = sizeof ac_ptb_rules / sizeof *ac_ptb_rules;
