# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # part of deploy/demo
# The second part of deploy/demo: seven programmes, each a hub and its sites, write
# what they publish figures of. Every site is a node; its rows travel to its hub
# and on to headquarters, where the figures are counted.

programme_tables=(person worker enrolment treatment_order dose_event peer_group
    peer_session training_record worker_credential mentor_assignment placement
    followup)
hubs=(PB-JL-H MZ-H CL-H TT-H IT-H NY-H JK-H)

# The last month that ended three days ago or more: what sites wrote since shows
# that they are complete through it.
find_periods() {
    IFS='|' read -r until month quarter year < <(sql PB-HQ "
        WITH m AS (SELECT max(last_day) AS until FROM v_period, v_today
                    WHERE kind = 'month' AND last_day <= date(today, '-3 days'))
        SELECT until, substr(until, 1, 7),
            (SELECT period FROM v_period WHERE kind = 'quarter'
                AND last_day <= until ORDER BY last_day DESC LIMIT 1),
            (SELECT period FROM v_period WHERE kind = 'year'
                AND last_day <= until ORDER BY last_day DESC LIMIT 1) FROM m")
}

import_lists() {
    local table
    for table in ref_site ref_course ref_code; do
        sangam_at PB-HQ import "$table" "$invented/PB-HQ/$table.csv" \
            >>"$folder/import.out"
    done
}

sites_of() {
    sql PB-HQ "SELECT site_id FROM ref_site WHERE parent_site_id = '$1'
        ORDER BY 1"
}

# Does headquarters have so many rows of the sites of a hub?
has_come() {
    local table query=0
    for table in "${programme_tables[@]}"; do
        query+=" + (SELECT count(*) FROM $table WHERE origin_site IN
            (SELECT site_id FROM ref_site WHERE parent_site_id = '$1'))"
    done
    shows PB-HQ "$2" "SELECT $query"
}

# By plain SQL, as a tool of the site would.
enter_registers() {
    "$sample" --until "$until" --site "$1" --into "$folder/$1/replica.db" \
        programmes >"$folder/entered-$1.out"
}

end_many() {
    local site
    for site in "$@"; do
        kill -s TERM "${pid[$site]}" 2>/dev/null || true
    done
    for site in "$@"; do
        end "$site" TERM
        rm -f "$folder/$site.pid"
    done
}

# One programme at a time, so that few nodes run at once.
run_programme() {
    local hub=$1 site below rows
    parent["$hub"]=PB-HQ
    enrol "$hub"
    mapfile -t below < <(sites_of "$hub")
    for site in "${below[@]}"; do
        progress "      $site ..."
        parent["$site"]=$hub
        enrol "$site"
        enter_registers "$site"
    done
    rows=$(for site in "${below[@]}"; do cat "$folder/entered-$site.out"; done |
        awk '{ rows += $2 } END { print rows }')
    if ! within 60 has_come "$hub" "$rows"; then
        nodes+=("$hub" "${below[@]}") # their logs are shown
        return 1
    fi
    expect_all_run
    end_many "${below[@]}" "$hub"
    programme_nodes=$((programme_nodes + ${#below[@]} + 1))
    programme_rows=$((programme_rows + rows))
}

step_programmes() {
    local hub start_s=$SECONDS
    programme_nodes=0 programme_rows=0
    find_periods
    invented=$folder/invented
    "$sample" --until "$until" programmes "$invented" >"$folder/invented.out"
    import_lists
    for hub in "${hubs[@]}"; do
        run_programme "$hub" || return 1
    done
    within 30 shows PB-HQ 0 'SELECT count(*) FROM sync_touched' || return 1
    observed="$programme_nodes nodes below headquarters, $programme_rows rows, \
in $((SECONDS - start_s)) s"
}

# How many sites of a hub are complete through the last day.
complete() {
    sql PB-HQ "SELECT sum(coalesce(c.complete_through, '') >= '$until')
            || ' of ' || count(*)
        FROM ref_site s LEFT JOIN v_site_complete c USING(site_id)
        WHERE s.parent_site_id = '$1'"
}

at_periods() {
    sql PB-HQ -cmd ".parameter set :month \"'$month'\"" \
        -cmd ".parameter set :quarter \"'$quarter'\"" \
        -cmd ".parameter set :year \"'$year'\"" "${@:2}" <"$source/deploy/$1"
}

tell_figures() {
    local hub figure published counted near well mark line
    say "      what programmes publish, and headquarters counts of $month," \
        "$quarter and $year"
    say "$(printf '      %-37s  %-14s  %-8s  %s' figure published complete \
        counted)"
    while IFS='|' read -r hub figure published counted near well; do
        mark='  ok' figures=$((figures + 1))
        if [[ $well != 1 ]]; then
            mark=FAIL counted+=" (not $near)"
            failed=$((failed + 1))
        fi
        say "$(printf '%s  %-37s  %-14s  %-8s  %s' "$mark" "$figure" \
            "$published" "$(complete "$hub")" "$counted")"
    done < <(at_periods figures.sql)
    say "      of each office in $quarter, due / done / overdue:"
    while read -r line; do
        [[ $line == --* ]] || say "      $line"
    done < <(at_periods followups.sql -header -column)
}
