import json

from config.local import bench
from inbox.management.benches.figures import milliseconds, percentile
from inbox.management.commands.bench import BENCHES


def test_every_measurement_is_known_on_both_sides():
    measured_here = {name for name, need in bench.NEEDS.items() if need is bench.Need.STARTS}

    assert set(bench.NEEDS) == set(BENCHES) | measured_here


def test_an_unknown_name_gets_the_list_and_measures_nothing(capsys):
    code = bench.run(["ingest_batch,ingest_everything"])

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err == (
        "There is no measurement 'ingest_everything'. There are: "
        "start, ingest_naive, on_screen, inbox_list, api_list, webhook, whole, onboard_brand, ingest_batch, "
        "burst, noisy_brand, growth, disk.\n"
    )


def test_a_line_says_on_which_machine_it_was_measured_and_how_it_compares(capsys):
    run = bench.Bench()

    run.tell({"name": "ingest_naive", "value": 200.0, "unit": "tweets/s"})
    run.tell({"name": "ingest_batch", "value": 3000.0, "unit": "tweets/s"})

    naive, batch = map(json.loads, capsys.readouterr().out.splitlines())
    assert naive.keys() == {"name", "value", "unit", "cores", "load", "python", "postgres"}
    assert batch["times_naive"] == 15.0


def test_a_percentile_is_a_value_that_was_measured():
    values = [0.001 * number for number in range(1, 101)]

    assert percentile(values, 95) == 0.095
    assert percentile([3.0], 99) == 3.0
    assert milliseconds(values) == {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0}
