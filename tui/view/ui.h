/* The console without a terminal: what is on the screen, and what a key does to it.
 *
 * `struct shown` is what there is to show, lent for one call; `struct ui` is where the operator is
 * in it. ui_key turns a key into a change of the ui and at most one effect, which the caller
 * carries out; ui_draw draws both into a canvas. Neither waits, reads a clock or talks to a server,
 * so tests drive them with tables.
 *
 * Views are rows of the table `views`, in the order of their digits. A selection is kept by
 * identity, never by row number, so a list that moves does not move the operator to another zone.
 */
#pragma once

#include "backend/act/act.h"
#include "backend/model/format.h"
#include "backend/source/source.h"
#include "tui/input/lineedit.h"
#include "tui/term/canvas.h"
#include "tui/widget/line.h"
#include "tui/widget/table.h"

enum { UI_HEADER = 3, UI_DIALOG_DEAF_MS = 300, UI_IDENTITY = 1200 };

struct shown {
    const struct model *model;
    const struct rates *rates;
    const struct link *link;
    const struct http_address *address;
    int64_t now;      /* monotonic, ns */
    int64_t wall;     /* epoch, s */
    int64_t interval; /* ns */
    bool paused;
    unsigned server, servers; /* which of how many */
};

/* Where the operator is in one view. */
struct place {
    char selected[UI_IDENTITY];     /* identity of the row; "" the first */
    int index, top;                 /* of the row in the order shown */
    unsigned offset;                /* of the window in the server's list */
    struct lineedit filter, recall; /* recall: the filter of before, for Up */
    int sort;                       /* column, -1 the server's order */
    bool invert;
};

enum overlay {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_DETAIL,
    OVERLAY_FILTER,
    OVERLAY_SORT,
    OVERLAY_MENU,
    OVERLAY_CONFIRM, /* y or not */
    OVERLAY_TYPED    /* the host's name */
};

enum ui_effect {
    UI_NOTHING,
    UI_QUIT,
    UI_SAMPLE,
    UI_PAUSE,
    UI_SLOWER,
    UI_FASTER,
    UI_REPAINT,
    UI_NEXT_SERVER,
    UI_POST /* action `action` on `target` */
};

enum { UI_VIEWS = 4 };

struct ui {
    unsigned view;
    struct place places[UI_VIEWS];
    enum overlay overlay, below; /* what is open, and what opens again when that is closed */
    int scroll;                  /* of help or detail */
    int choice;                  /* in a menu */
    int64_t opened;              /* when the dialog was, monotonic ns */
    struct lineedit typed;
    char detail[UI_IDENTITY]; /* identity of what the detail is about */
    struct act_target target;
    enum action action;
    char status[1600]; /* stays until a key */
    uint32_t status_attr;
    bool acting; /* an action is on its way since `acting_since` */
    int64_t acting_since;
    /* The order of the view's rows, worked out by ui_arrange. */
    unsigned *order;
    unsigned order_count, order_size;
};

struct view_ops {
    const char *name, *label;
    const char *help;             /* what its columns and words mean */
    const char *order;            /* the server's, in a word */
    const struct column *columns; /* of a list; NULL when there is none */
    unsigned column_count;
    unsigned (*count)(const struct shown *s);
    void (*cell)(const void *shown, unsigned row, unsigned column, struct table_cell *out);
    void (*identity)(const struct shown *s, unsigned row, char *to, size_t size);
    /* The zone a row is about, "" for none. */
    const char *(*zone)(const struct shown *s, unsigned row);
    /* What does not fit into a row: the line of the selected one on a screen without details. */
    void (*say)(const struct shown *s, unsigned row, struct buf *to);
    /* Everything about the thing of that identity, or why there is nothing. */
    void (*detail)(const struct shown *s, const char *identity, struct buf *to);
    /* A line about the whole list. */
    void (*summary)(const struct shown *s, struct line *l);
    /* Draws the body of a view that is no list. */
    void (*draw)(const struct ui *ui, const struct shown *s, struct canvas *c, struct area area);
    void (*want)(const struct ui *ui, const struct shown *s, struct source_want *want);
};

extern const struct view_ops view_overview, view_zones, view_transfers, view_events;
extern const struct view_ops *const views[UI_VIEWS];

void ui_init(struct ui *ui);
void ui_fini(struct ui *ui);
/* Which lists the source should read for what is shown. */
void ui_want(const struct ui *ui, const struct shown *s, struct source_want *want);
enum ui_effect ui_key(struct ui *ui, const struct shown *s, int key);
void ui_draw(struct ui *ui, const struct shown *s, struct canvas *c);
/* Another server is shown: selections and dialogs of the former one go. */
void ui_forget(struct ui *ui);
/* A line at the foot that stays until a key. */
void ui_say(struct ui *ui, uint32_t attr, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For the files of this room. */

void header_draw(const struct shown *s, struct canvas *c);
void overlay_draw(const struct ui *ui, const struct shown *s, struct canvas *c);
enum ui_effect overlay_key(struct ui *ui, const struct shown *s, int key);
void overlay_open_menu(struct ui *ui, const struct shown *s);
/* The colour of a severity of 0 to 2, and of a value's age. */
uint32_t severity_attr(unsigned severity);
uint32_t value_attr(struct value v);
/* Lines "name        value" of a detail. */
void detail_line(struct buf *to, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines about one transfer; used by the details of zones and transfers. */
void transfer_lines(const struct shown *s, const struct model_transfer *t, struct buf *to);
