#include "server/dns/name_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/err.h"

/* One byte of a label from text, which does not start with an unescaped dot. */
static int take_byte(const char **text, uint8_t *byte)
{
    const unsigned char *p = (const unsigned char *)*text;
    if (p[0] != '\\') {
        *byte = p[0];
        *text += 1;
        return ERR_OK;
    }
    if (p[1] == '\0')
        return ERR_FORMAT;
    if (!isdigit(p[1])) {
        *byte = p[1];
        *text += 2;
        return ERR_OK;
    }
    if (!isdigit(p[2]) || !isdigit(p[3]))
        return ERR_FORMAT;
    int value = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
    if (value > 255)
        return ERR_FORMAT;
    *byte = (uint8_t)value;
    *text += 4;
    return ERR_OK;
}

/* One label behind its length at wire[*at]; *text then is at the dot or the end. */
static int take_label(const char **text, uint8_t wire[NAME_WIRE_MAX], size_t *at)
{
    size_t len = 0;
    while (**text != '\0' && **text != '.') {
        uint8_t byte;
        int err = take_byte(text, &byte);
        if (err)
            return err;
        /* One more byte has to stay free for the root. */
        if (len == NAME_LABEL_MAX || *at + 1 + len + 1 >= NAME_WIRE_MAX)
            return ERR_LIMIT;
        wire[*at + 1 + len++] = byte;
    }
    if (len == 0)
        return ERR_FORMAT;
    wire[*at] = (uint8_t)len;
    *at += 1 + len;
    return ERR_OK;
}

int name_from_text(const char *text, uint8_t wire[NAME_WIRE_MAX], size_t *len)
{
    size_t at = 0;
    if (*text == '\0')
        return ERR_FORMAT;
    if (strcmp(text, ".") == 0)
        text++;
    while (*text != '\0') {
        int err = take_label(&text, wire, &at);
        if (err)
            return err;
        if (*text == '.')
            text++;
    }
    wire[at++] = 0;
    *len = at;
    return ERR_OK;
}

const char *name_text_reason(int err)
{
    if (err == ERR_LIMIT)
        return "a label may have 63 bytes and a name 255";
    return err ? "it is empty, has an empty label or a bad escape" : "it is a name";
}

/* What most names are of. */
static bool is_letter_or_digit(uint8_t byte)
{
    return (uint8_t)((byte | 0x20) - 'a') < 26 || (uint8_t)(byte - '0') < 10;
}

static size_t put_byte(uint8_t byte, char *out)
{
    if (byte <= ' ' || byte >= 0x7f)
        return (size_t)sprintf(out, "\\%03u", byte);
    size_t n = 0;
    if (byte != '-' && !is_letter_or_digit(byte) && strchr(".\\\"();@$", byte))
        out[n++] = '\\';
    out[n++] = (char)byte;
    return n;
}

void name_to_text(const uint8_t *wire, size_t len, char out[NAME_TEXT_MAX])
{
    size_t at = 0, n = 0;
    if (len > NAME_WIRE_MAX)
        len = NAME_WIRE_MAX;
    while (at < len && wire[at] > 0 && wire[at] <= NAME_LABEL_MAX && at + wire[at] < len) {
        for (size_t i = 1; i <= wire[at]; i++)
            n += put_byte(wire[at + i], out + n);
        out[n++] = '.';
        at += 1u + wire[at];
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
}
