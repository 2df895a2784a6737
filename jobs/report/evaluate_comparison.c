#include "jobs/report/evaluate_comparison.h"

#include <stdint.h>
#include <stdio.h>

/* A further cell of a row; on a narrow page its name stands before it. */
static void
write_cell(ac_page *page, const char *name, const json_t *value)
{
    char text[40];

    snprintf(text, sizeof text, "%.4f", json_number_value(value));
    ac_page_html(page, "</td><td data-name=\"");
    ac_page_printf(page, "%s", name);
    ac_page_html(page, "\">");
    ac_page_printf(page, "%s", json_is_number(value) ? text : "–");
}

/* The items that differ most: both captions, and both scores. */
static void
write_changed_most(ac_page *page, const json_t *changed)
{
    size_t i;
    json_t *item;

    if (!json_array_size(changed))
        return;
    ac_page_panel_begin(page, "Changed most");
    ac_page_html(page, "<table class=\"list\"><thead><tr><th>Key</th><th>Score</th><th>These"
                       "</th><th></th><th>Others</th><th></th></tr></thead><tbody>\n");
    json_array_foreach(changed, i, item)
    {
        const char *score = json_object_get(item, "CIDEr") ? "CIDEr" : "ROUGE_L";
        const json_t *both = json_object_get(item, score);

        ac_page_html(page, "<tr><td>");
        ac_page_printf(page, "%s", json_string_value(json_object_get(item, "key")));
        ac_page_html(page, "</td><td>");
        ac_page_printf(page, "%s", score);
        write_cell(page, "these", json_array_get(both, 0));
        ac_page_html(page, "</td><td>");
        ac_page_printf(page, "%s", json_string_value(json_object_get(item, "caption")));
        write_cell(page, "others", json_array_get(both, 1));
        ac_page_html(page, "</td><td>");
        ac_page_printf(page, "%s", json_string_value(json_object_get(item, "other_caption")));
        ac_page_html(page, "</td></tr>\n");
    }
    ac_page_html(page, "</tbody></table>\n");
    ac_page_panel_end(page);
}

void
ac_evaluate_comparison_write(ac_page *page, const json_t *comparison)
{
    const char *name;
    json_t *value;

    if (!comparison)
        return;
    ac_page_section(page, "comparison", "Compared with other captions");
    ac_page_html(page, "<p class=\"note\">");
    ac_page_printf(page,
                   "The others: %s. Intervals are of the difference, over resamples of "
                   "the same items for both.",
                   json_string_value(json_object_get(comparison, "against")));
    ac_page_html(page, "</p>\n<table class=\"list\"><thead><tr><th>Score</th><th>These</th>"
                       "<th>Others</th><th>Difference</th><th>95 % interval</th>"
                       "<th>Resamples in which these are higher</th></tr></thead><tbody>\n");
    json_object_foreach((json_t *) (uintptr_t) comparison, name, value)
    {
        const json_t *interval = json_object_get(value, "interval");
        if (!json_is_object(value))
            continue;
        ac_page_html(page, "<tr><td>");
        ac_page_printf(page, "%s", name);
        write_cell(page, "these", json_object_get(value, "score"));
        write_cell(page, "others", json_object_get(value, "other"));
        ac_page_html(page, "</td><td data-name=\"difference\"><strong>");
        ac_page_printf(page, "%+.4f", json_number_value(json_object_get(value, "difference")));
        ac_page_html(page, "</strong></td><td data-name=\"95 % interval\">");
        ac_page_printf(page, "%+.4f to %+.4f", json_number_value(json_array_get(interval, 0)),
                       json_number_value(json_array_get(interval, 1)));
        ac_page_html(page, "</td><td data-name=\"these are higher in\">");
        ac_page_printf(page, "%.1f %%",
                       100 * json_number_value(json_object_get(value, "higher_in_resamples")));
        ac_page_html(page, "</td></tr>\n");
    }
    ac_page_html(page, "</tbody></table>\n");
    write_changed_most(page, json_object_get(comparison, "changed_most"));
}
