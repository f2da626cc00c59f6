#include "server/keeper/lines.h"

#include <stdlib.h>

#include "backend/base/err.h"

struct scan {
    int depth; /* of parentheses */
    unsigned open_line, open_column;
    bool in_word, in_quotes, word_quoted, started;
    struct word word;
};

void lines_init(struct lines *l, struct bytes *source)
{
    *l = (struct lines){.source = source, .line = 1, .column = 1};
}

void lines_took(struct lines *l)
{
    l->line++;
    l->column = 1;
}

void lines_fini(struct lines *l)
{
    buf_fini(&l->text);
    free(l->words);
    *l = (struct lines){0};
}

const char *lines_word(const struct lines *l, size_t i)
{
    return l->text.data + l->words[i].at;
}

static int fail(struct lines *l, unsigned line, unsigned column, const char *reason)
{
    l->error_line = line;
    l->error_column = column;
    l->reason = reason;
    return ERR_FORMAT;
}

static int next_char(struct lines *l)
{
    int c = bytes_get(l->source);
    if (c == '\n') {
        l->line++;
        l->column = 1;
    } else if (c != EOF) {
        l->column++;
    }
    return c;
}

static int peek_char(struct lines *l)
{
    return bytes_peek(l->source);
}

static void skip_line(struct lines *l)
{
    int c;
    do
        c = next_char(l);
    while (c != '\n' && c != EOF);
}

static int add_char(struct lines *l, int c)
{
    char byte = (char)c;
    buf_add(&l->text, &byte, 1);
    return l->text.failed ? ERR_MEMORY : l->text.len > LINES_ENTRY_MAX ? ERR_LIMIT : ERR_OK;
}

static void start_word(struct lines *l, struct scan *s, bool quoted)
{
    s->in_word = true;
    s->word_quoted = quoted;
    s->word = (struct word){.at = l->text.len, .line = l->line, .column = l->column - 1};
}

static int end_word(struct lines *l, struct scan *s, bool quoted)
{
    if (!s->in_word)
        return ERR_OK;
    s->in_word = false;
    s->word.len = l->text.len - s->word.at;
    s->word.quoted = quoted;
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 32;
        struct word *words = realloc(l->words, room * sizeof *words);
        if (!words)
            return ERR_MEMORY;
        l->words = words;
        l->room = room;
    }
    if (l->count == LINES_WORDS_MAX)
        return ERR_LIMIT;
    l->words[l->count++] = s->word;
    return add_char(l, '\0');
}

static int add_escape(struct lines *l)
{
    int err = add_char(l, '\\');
    int c = peek_char(l);
    if (err)
        return err;
    if (c == EOF || c == '\n')
        return fail(l, l->line, l->column - 1, "nothing follows the backslash");
    return add_char(l, next_char(l));
}

/* A character within quotes. */
static int quoted_char(struct lines *l, struct scan *s, int c)
{
    if (c == '\\')
        return add_escape(l);
    if (c != '"')
        return add_char(l, c);
    s->in_quotes = false;
    if (!s->word_quoted)
        return add_char(l, c);
    return end_word(l, s, true);
}

static int paren(struct lines *l, struct scan *s, int c)
{
    int err = end_word(l, s, false);
    if (err)
        return err;
    if (c == '(' && s->depth++ == 0) {
        s->open_line = l->line;
        s->open_column = l->column - 1;
    }
    if (c == ')' && --s->depth < 0)
        return fail(l, l->line, l->column - 1, "a closing parenthesis without an opening one");
    return ERR_OK;
}

static int word_char(struct lines *l, struct scan *s, int c)
{
    if (c == '"') {
        s->in_quotes = true;
        if (!s->in_word) {
            start_word(l, s, true);
            return ERR_OK;
        }
        return add_char(l, c);
    }
    if (!s->in_word)
        start_word(l, s, false);
    return c == '\\' ? add_escape(l) : add_char(l, c);
}

static int plain_char(struct lines *l, struct scan *s, int c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return end_word(l, s, false);
    case '(':
    case ')':
        return paren(l, s, c);
    case '\0':
        return fail(l, l->line, l->column - 1, "a NUL byte; is this a text file?");
    default:
        return word_char(l, s, c);
    }
}

static int at_end(struct lines *l, struct scan *s)
{
    if (s->in_quotes)
        return fail(l, s->word.line, s->word.column, "a quote is not closed");
    if (s->depth > 0)
        return fail(l, s->open_line, s->open_column, "a parenthesis is not closed");
    return end_word(l, s, false);
}

/* Takes one character; returns 1 when the entry is complete. */
static int take(struct lines *l, struct scan *s, int c)
{
    if (!s->started) {
        s->started = true;
        l->blank_first = c == ' ' || c == '\t';
    }
    if (s->in_quotes) {
        if (c != '\n')
            return quoted_char(l, s, c);
        /* Reported where the quote opens; the line is already behind us. */
        return fail(l, s->word.line, s->word.column, "a quote is not closed on its line");
    }
    if (c == ';') {
        int err = end_word(l, s, false);
        while (!err && peek_char(l) != '\n' && peek_char(l) != EOF)
            next_char(l);
        return err;
    }
    int err = plain_char(l, s, c);
    if (err || c != '\n' || s->depth > 0)
        return err;
    s->started = false;
    return l->count > 0;
}

int lines_next(struct lines *l)
{
    struct scan s = {0};
    l->count = 0;
    l->reason = NULL;
    buf_clear(&l->text);
    for (;;) {
        int c = next_char(l);
        int r = c == EOF ? at_end(l, &s) : take(l, &s, c);
        if (r == ERR_FORMAT && c != '\n' && c != EOF)
            skip_line(l);
        if (r != 0)
            return r;
        if (c == EOF)
            return l->source->failed ? ERR_SYSTEM : l->count > 0;
    }
}
