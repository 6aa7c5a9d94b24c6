#include "sqlite3mc/sqlite3.c"
