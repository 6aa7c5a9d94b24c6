/* SPDX-License-Identifier: Apache-2.0
 *
 * qr - a text as a QR code (ISO/IEC 18004), drawn as SVG.
 *
 * Black on white with the quiet zone of four modules, error correction M.  No script, no
 * style, nothing from outside.  Any thread.
 */
#ifndef SUT_CODEC_QR_H
#define SUT_CODEC_QR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_QR_TEXT_MAX = 1024, SUT_QR_SVG_MAX = 256 * 1024 };

/* Append the picture.  TOO_LARGE for a longer text, or as the buffer says; NOMEM. */
SUT_ERR sut_qr_svg(struct sut_buf *out, sut_str text);

#endif
