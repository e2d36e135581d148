# SPDX-License-Identifier: Apache-2.0
#
# Writes OUTPUT, a C file with the text of every file in NAMES (comma
# separated, in the order to be applied) of FOLDER. Texts are arrays of
# numbers: a C11 string literal need not hold more than 4095 bytes.
string(REPLACE "," ";" names "${NAMES}")

set(texts "")
set(entries "")
set(count 0)
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}" hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," numbers "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
    numbers "${numbers}")
  string(APPEND texts
    "static const unsigned char text_${count}[] = {\n${numbers}0};\n\n")
  string(APPEND entries "    {\"${name}\", (const char *)text_${count}},\n")
  math(EXPR count "${count} + 1")
endforeach()
if(count EQUAL 0)
  set(entries "    {\"\", \"\"},\n") # C has no empty array
endif()

file(WRITE "${OUTPUT}" "/* SPDX-License-Identifier: Apache-2.0 */
/* Made from store/schema/ by cmake/embed_schema.cmake. */
#include \"store/schema.h\"


${texts}static const struct schema_file files[] = {
${entries}};

const struct schema schema_embedded = {.files = files, .count = ${count}};
")
